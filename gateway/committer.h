// The committer: turns what waits in the inbox into one transaction after another, and tells everybody when it is durable.
//
// Invariants
//  1. One transaction at a time; meanwhile the next one gathers in the inbox (group commit).
//  2. Events become rows, and are counted, in the order of their arrival; a connection's `done` advances only after the transaction.
//  3. A transaction that fails is tried again, the same rows with the same seqs, before any later event. Settling goes on meanwhile, on its
//     own, because on a full disk it is what makes room.
//  4. What cannot go where its route sends it is set aside with its reason, in the same transaction; its lane does not know it.
//  5. A replay goes into a transaction of its lane only after all that the lane has settled is durable: settling, which deletes by range,
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

#include "gateway/destinations.h"
#include "gateway/forwarder.h"
#include "gateway/inbox.h"
#include "gateway/ports.h"
#include "gateway/router.h"

namespace sluice {

/// The one lane of a sink, in the order of the sinks in the configuration.
struct LaneSlot {
  LaneId id = 0;
  Seq last_seq = 0;
  Forwarder* forwarder = nullptr;  ///< Borrowed.
};

class Committer {
 public:
  struct Hooks {
    std::function<void()> on_cut;      ///< Right before events are taken from the inbox.
    std::function<void()> on_durable;  ///< After `done` of some connection advanced.
  };

  /// `commit_every`: how long the first event waits for others; 0: no longer than the transaction before takes. References outlive it.
  Committer(std::chrono::milliseconds commit_every, Seq last_seq, const Router& router, Destinations& destinations, Inbox& inbox,
            EventStore& store, Clock& clock, Hooks hooks);

  void SetLanes(std::vector<LaneSlot> lanes) { lanes_ = std::move(lanes); }

  /// The inbox woke the loop.
  void OnInbox();
  /// Some forwarder has rows to settle.
  void OnSettled();
  /// The lane sends and settles nothing until Release: for replays. False: nobody forwards it, or it is closing.
  bool Hold(LaneId lane);
  void Release(LaneId lane);
  /// Brings dead letters back into their lane. `done` runs once; kFull: none came back. REQUIRES: held, by the caller, until then.
  void Replay(LaneReplay replay, std::function<void(Result<void>)> done);
  /// Commits all there is, without waiting for more. `flushed` runs once, also if the store is failing (`false`: not all is durable).
  void Flush(std::function<void(bool)> flushed);

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
  };

  struct WaitingReplay {
    LaneReplay replay;
    std::function<void(Result<void>)> done;
  };

  void CommitIfDue();
  void Commit();
  Transaction Gather();
  void Add(Transaction& transaction, Handed handed);
  void AddRows(Batch& batch, Handed handed);
  void CheckDestination(Routed& routed);
  Row& AddRow(Batch& batch, Routed& routed);
  void TakeSettled(Batch& batch);
  void TakeReplay(Batch& batch);
  std::function<void()> EndReplay(const Result<void>& result, Batch& batch);
  Forwarder* ForwarderOf(LaneId lane) const;
  void OnCommitted(const Result<void>& result, Transaction transaction);
  void OnDurable(Transaction transaction);
  void OnFailed(const Error& error, Transaction transaction);
  void FinishFlush();

  const std::chrono::milliseconds commit_every_;
  const Router& router_;
  Destinations& destinations_;
  Inbox& inbox_;
  EventStore& store_;
  const Hooks hooks_;
  std::vector<LaneSlot> lanes_;
  Seq last_seq_;

  const std::unique_ptr<Timer> commit_timer_;  // Running: events wait for others.
  const std::unique_ptr<Timer> settle_timer_;  // Running: settled rows wait for a transaction to go with.
  const std::unique_ptr<Timer> retry_timer_;   // Running: the store failed lately.

  bool in_flight_ = false;
  bool events_due_ = false;
  bool settle_due_ = false;
  std::optional<Transaction> blocked_;  // Failed; holds no settling.
  Batch unsettled_;                     // Settling that failed; holds no rows.
  std::deque<WaitingReplay> replays_;   // The front one may be in the transaction that is under way.
  bool settled_alone_ = false;          // Rows were refused for want of room, and the settling is being tried without them.
  std::optional<ErrorCode> failing_;    // What the log has said last.
  std::function<void(bool)> flushed_;

  std::vector<Routed> routed_;  // Reused from event to event.
};

}  // namespace sluice
