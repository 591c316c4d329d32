// The committer: turns what waits in the inbox into one transaction after another, and tells everybody when it is durable.
//
// Invariants
//  1. One transaction at a time; meanwhile the next one gathers in the inbox (group commit).
//  2. Events become rows, and are counted, in the order of their arrival; a connection's `done` advances only after the transaction.
//  3. A transaction that fails is tried again, the same rows with the same seqs, before any later event. When there is no room, what is
//     settled goes first, alone; if that is not enough, what may be dropped: oldest first, of the lowest class that has any, of the lane
//     with most bytes. Nothing is dropped for rows that have room, and a sink that keeps up gives up nothing for one that does not.
//  4. A gap record takes its gap's place in the same transaction.
//  5. What cannot go where its route sends it is set aside with its reason, in the same transaction; its lane does not know it.
//  6. An alert that an event causes, and what is kept of its rule, is in the transaction of that event, right behind it.
//  7. A replay goes into a transaction of its lane only after all that the lane has settled is durable: settling, which deletes by range,
//     never takes a row that has come back.
//
// Loop thread.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/alert_desk.h"
#include "gateway/destinations.h"
#include "gateway/event_tap.h"
#include "gateway/forwarder.h"
#include "gateway/histogram.h"
#include "gateway/inbox.h"
#include "gateway/ports.h"
#include "gateway/progress.h"
#include "gateway/reentry.h"
#include "gateway/router.h"
#include "gateway/running_time.h"

namespace sluice {

/// A lane; those that the router knows stand first, in its order.
struct LaneSlot {
  LaneId id = 0;
  std::size_t lane_class = 0;  ///< Place of its class: the higher, the sooner its rows are dropped.
  OnFull on_full = OnFull::kDropOldest;
  Seq last_seq = 0;
  Forwarder* forwarder = nullptr;                  ///< Borrowed.
  std::optional<std::size_t> sink = std::nullopt;  ///< Place of its sink; none: it is not configured any more.
};

class Committer : public Reentry {
 public:
  struct Hooks {
    std::function<void()> on_cut;      ///< Right before events are taken from the inbox.
    std::function<void()> on_durable;  ///< After `done` of some connection advanced.
  };

  struct Options {
    std::chrono::milliseconds commit_every;  ///< How long the first event waits for others; 0: no longer than the transaction before takes.
    Seq last_seq = 0;
    Bytes batch_bytes = 1u << 20;  ///< What one transaction takes from the inbox at most, but at least one event.
    Bytes drop_bytes = 1u << 20;   ///< What is dropped at a time, at least.
  };
  /// What the committer uses; outlives it.
  struct Surroundings {
    const Router& router;
    Destinations& destinations;
    Inbox& inbox;
    EventStore& store;
    Clock& clock;
    const WallClock& wall_clock;
    RunningClock& running_clock;
    AlertDesk* alert_desk = nullptr;  ///< None: there are no rules.
    EventTap* tap = nullptr;          ///< None: nobody can watch.
  };
  Committer(const Options& options, const Surroundings& surroundings, Hooks hooks);

  void SetLanes(std::vector<LaneSlot> lanes) { lanes_ = std::move(lanes); }
  /// Rules begin to wait for time. After SetLanes.
  void StartRules();

  /// The inbox woke the loop.
  void OnInbox();
  /// An event of the gateway itself (topic `$sluice/...`), routed like any other; with the gaps that it tells of, if it is a gap record.
  void Publish(Event event, std::vector<Gap> gaps = {});
  /// Gap records were published that are not durable yet: their gaps can still be read from the store.
  bool IsTellingGaps() const { return gaps_under_way_ > 0; }
  /// Some forwarder has rows to settle.
  void OnSettled();
  /// Events wait that could be committed; how many transactions there were.
  PartWork Work() const;
  bool Hold(LaneId lane) override;
  void Release(LaneId lane) override;
  void Replay(LaneReplay replay, std::function<void(Result<void>)> done) override;
  /// Commits all there is, without waiting for more. `flushed` runs once, also if the store is failing (`false`: not all is durable).
  void Flush(std::function<void(bool)> flushed);
  /// Nothing is committed any more, whoever asks; replays that wait fail. After a Flush, from within `flushed`: then nothing is under way.
  void Stop();

  /// Why nothing can be written at present, as the log has it; empty: it can.
  std::string Trouble() const { return failing_is_told_ ? failing_why_ : ""; }
  /// How long transactions took, those that failed too, from the request to the answer.
  const Histogram& commit_durations() const { return commit_durations_; }
  /// How long events of QoS 1 and 2 waited from their receipt until they could be acknowledged.
  const Histogram& ack_durations() const { return ack_durations_; }

 private:
  /// Consecutive events of one connection, for MarkDone.
  struct Outcome {
    ConnectionId connection;
    std::uint64_t events;
    std::size_t bytes;
  };
  struct Transaction {
    Batch batch;
    std::vector<Outcome> outcomes;
    std::vector<std::chrono::nanoseconds> received;  ///< When each event came that is to be acknowledged, since the boot.
    bool is_checkpoint = false;                      ///< Of the rules, and nothing else; it can wait.

    bool IsEmpty() const { return outcomes.empty() && batch.sources.empty() && batch.rule_records.empty(); }
  };

  struct WaitingReplay {
    LaneReplay replay;
    std::function<void(Result<void>)> done;
  };
  struct Own {
    Event event;
    std::vector<Gap> gaps;
  };

  std::uint64_t SettleBacklog() const;
  bool LeaveSettling();
  void CommitIfDue();
  void Commit();
  Transaction MakeRoom();
  Transaction Gather();
  Transaction TakeCheckpoint();
  void ReadClocks();
  void TakeIn();
  bool MayLookAhead() const;
  void LookAhead();
  void AddAlerts(Batch& batch);
  void ScheduleRules();
  bool MayUseReserve(const Transaction& transaction);
  void AddOwn(Batch& batch);
  void Add(Transaction& transaction, Handed handed);
  void Count(Batch& batch, const std::string& source, Event event);
  void AddRows(Batch& batch, const std::string& source, Event event);
  void CheckDestination(Routed& routed);
  Row& AddRow(Batch& batch, Routed& routed);
  void TakeSettled(Batch& batch);
  void PlanDrop(Batch& batch);
  LaneSlot* NextVictim();
  std::size_t DroppableBytes(std::optional<std::size_t> sink) const;
  void TellDropped(const Batch& batch, bool done);
  void TakeReplay(Batch& batch);
  std::function<void()> EndReplay(const Result<void>& result, Batch& batch);
  const LaneSlot* FindLane(LaneId id) const;
  void OnCommitted(const Result<void>& result, Transaction transaction);
  void OnDurable(Transaction transaction);
  void OnFailed(const Error& error, Transaction transaction);
  void FinishFlush();

  const Options options_;
  const Surroundings surroundings_;
  const Hooks hooks_;
  std::vector<LaneSlot> lanes_;
  Seq last_seq_;

  const std::unique_ptr<Timer> commit_timer_;  // Running: events wait for others.
  const std::unique_ptr<Timer> settle_timer_;  // Running: settled rows wait for a transaction to go with.
  const std::unique_ptr<Timer> retry_timer_;   // Running: the store failed lately.
  const std::unique_ptr<Timer> look_timer_;    // Running: events wait for the rules to look at them.
  const std::unique_ptr<Timer> rules_timer_;   // Running: the rules wait for time.

  bool in_flight_ = false;
  bool stopped_ = false;
  std::uint64_t transactions_ = 0;
  bool events_due_ = false;
  bool rules_due_ = false;
  bool settle_due_ = false;
  bool settling_was_left_ = false;  // By the last transaction.
  Transaction gathering_;           // Taken from the inbox, so that the rules could look; not under way yet.
  std::size_t gathered_events_ = 0;
  std::size_t gathered_bytes_ = 0;
  ClockReading taken_until_;  // When the last of them came: what the inbox still has came after it, and before what falls due later.
  std::optional<Transaction> blocked_;  // Failed; holds no settling.
  Batch unsettled_;                     // Settling that failed; holds no rows.
  std::deque<WaitingReplay> replays_;   // The front one may be in the transaction that is under way.
  bool room_was_made_ = false;          // Rows were refused for want of room, and something has been given up or settled since.
  int refusals_ = 0;                    // How many times the present rows were refused for want of room.
  std::optional<ErrorCode> failing_;    // Why the last transaction failed.
  bool failing_is_told_ = false;        // In the log,
  std::string failing_why_;             // with this reason.
  std::function<void(bool)> flushed_;

  std::vector<Own> own_;  // Events of the gateway itself that wait.
  std::size_t gaps_under_way_ = 0;
  ClockReading reading_;        // At the cut of the present batch,
  RunningTime running_{0};      // likewise.
  std::vector<Routed> routed_;  // Reused from event to event.
  Histogram commit_durations_;
  Histogram ack_durations_;
};

}  // namespace sluice
