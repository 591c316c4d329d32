// The forwarder: drives one lane of the outbox into one sink. All retry policy is here.
//
// Invariants
//  1. Rows are given to the sink in seq order, as many and as fast as the lane's part of the sink allows (gateway/upload_share.h); one row
//     is always allowed.
//  2. A row is settled only after its verdict kDelivered, as a dead letter, or when its time to live is over.
//  3. After any verdict but kDelivered the sink is reset and the lane goes back to its oldest unsettled row: nothing overtakes a refused
//     row of its key. Rows that were rejected are then sent in groups (gateway/bisection.h) until each bad one has been sent alone.
//  4. Only a row that was refused while it was sent alone becomes a dead letter.
//  5. kRetry is tried again for ever, with capped exponential back-off and full jitter. A sink that says nothing for kStall about what it
//     was given is reset as well: client libraries have been known to get stuck.
//  6. While rows are being dropped in a crowd, at the quota or because they are too old, nothing is sent; and only rows are dropped so
//     that were not given to the sink since the start.
//  7. A row whose time to live is over is not given to the sink: it is dropped. One that was given before it was over may still arrive.
//
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/backoff.h"
#include "gateway/bisection.h"
#include "gateway/lane_buffer.h"
#include "gateway/ports.h"
#include "gateway/progress.h"
#include "gateway/settlement.h"
#include "gateway/upload_share.h"

namespace sluice {

/// How the forwarding of a lane is doing.
struct ForwarderStatus {
  LaneId lane = 0;
  std::string state;  ///< One word.
  std::size_t in_flight = 0;
  std::string last_error;  ///< Of the sink; empty: there was none.
  WallTime last_error_time;
  Bytes sent_today = 0;     ///< By Footprint, since midnight UTC, or since the start.
  Bytes sent = 0;           ///< Likewise, since the start.
  bool in_trouble = false;  ///< The sink is away, or does not take what it is given.
};

class Forwarder : private SinkListener {
 public:
  static constexpr std::chrono::minutes kStall{10};

  struct Options {
    std::string sink;        ///< Name, for the log.
    std::string lane_class;  ///< Likewise.
    double weight = 1;       ///< Of the lane's class.
    OnFull on_full = OnFull::kDropOldest;
    std::chrono::milliseconds retry_min{250};
    std::chrono::milliseconds retry_max{30'000};
    std::uint64_t seed = 0;  ///< Of the jitter.
  };

  /// The parts of the gateway that a forwarder uses; they outlive it.
  struct Surroundings {
    EventStore& store;
    Clock& clock;
    const WallClock& wall_clock;
    UploadShare& share;
    std::function<RunningTime()> running_time;
    std::function<void()> on_recovered = [] {};  ///< An outage of the sink is over.
  };

  /// `sink`: borrowed; null if it is not configured any more. Then rows leave only when they are dropped. `on_settled` runs when rows, dead
  /// letters or drops wait for a transaction.
  Forwarder(const LaneState& lane, Options options, Sink* sink, const Surroundings& surroundings, std::function<void()> on_settled);

  void Start();
  /// Rows of this lane that are durable now.
  void OnCommitted(std::vector<Row> rows);
  /// Moves what waits to be settled into `batch`.
  void TakeSettled(Batch& batch);
  ForwarderStatus Status() const;
  /// Rows wait that could be sent: nothing is in flight, and the forwarder waits neither for its sink nor for the store, nor for time.
  PartWork Work() const;
  /// Until as many Releases, nothing is sent and nothing more is settled; what is in flight is given up, and sent again later. False: it
  /// is closing or has no sink, and is not held.
  bool Hold();
  void Release();
  /// These are rows of this lane now, under their seqs. REQUIRES: held, and what TakeSettled gave is durable.
  void OnReplayed(const LaneReplay& replay);

  /// Rows finished since the last TakeSettled.
  std::uint64_t SettleBacklog() const { return finished_; }
  /// One crowd of rows that were too old has been dropped and the next row is too old again: what can be sent waits behind them.
  bool IsExpiringCrowd() const { return expiry_due_ && expiring_crowd_; }

  /// What could be dropped, by Footprint; about right. 0 while a drop is under way, or if the class is kept.
  std::size_t DroppableBytes() const;
  /// Asks for `bytes` to be dropped; nothing is sent until OnDropped.
  LaneDrop BeginDrop(Bytes bytes);
  /// Rows come to the sink as they come from the sources, as far as is known.
  bool IsUp() const { return !IsAway() && buffer_.IsLive(); }
  /// The sink takes nothing, as far as is known.
  bool IsAway() const { return failing_ || (in_trouble_ && settlement_.InFlightEvents() > 0); }
  /// The answer to a drop, by BeginDrop or TakeSettled: nothing if it failed.
  void OnDropped(const DroppedRows* dropped);

  /// Sends no more, waits for verdicts at most `limit`, closes the sink. `closed` runs once; TakeSettled is still valid then.
  void Close(std::chrono::milliseconds limit, std::function<void()> closed);

 private:
  enum class State { kIdle, kStreaming, kResetting, kBackingOff, kClosed };

  void OnVerdict(Seq seq, Verdict verdict, const std::string& reason) override;
  void OnVerdictsDone() override;
  void OnTrouble(const std::string& reason) override;

  void Pump();
  bool MaySend();
  bool FitsWindow(std::size_t bytes) const;
  void SendRow(Row row);
  bool IsExpired(const BufferedRow& row) const;
  void OnLook();
  void StartDay();
  void LookForExpired();
  void LogLosses();
  void DropExpired(Seq seq);
  Seq GivenThrough() const;
  void SendFront();
  void ReadMore();
  void OnRead(Result<LaneRead> read, Seq after);
  void OnRefused(Seq seq, Verdict verdict, const std::string& reason);
  void Rewind();
  void OnStall();
  void OnSinkReady();
  void Resume();
  void Finish(Seq seq);
  void SetAside(Seq seq, const std::string& reason);
  void CloseSinkIfQuiet();
  void CloseSink();

  const LaneId lane_;
  const Options options_;
  Sink* const sink_;
  const Surroundings surroundings_;
  const std::size_t place_;  // In the share.
  const std::function<void()> on_settled_;
  const std::unique_ptr<Timer> retry_timer_;
  const std::unique_ptr<Timer> read_timer_;
  const std::unique_ptr<Timer> close_timer_;
  const std::unique_ptr<Timer> stall_timer_;  // Running while rows are in flight, anew with each verdict.
  const std::unique_ptr<Timer> limit_timer_;  // Running: the upload limit is reached.
  const std::unique_ptr<Timer> look_timer_;   // Always running: a lane whose sink is away finds its old rows too.

  State state_ = State::kIdle;
  LaneBuffer buffer_;
  Settlement settlement_;
  Bisection bisection_{UploadShare::kLargest.events};
  Backoff backoff_;
  Seq cursor_;  // Last row given to the sink.
  bool reading_ = false;
  std::optional<ClockReading> sending_at_;  // Of this turn; read at most once a turn, since it is a system call.
  int holds_ = 0;
  std::size_t pending_bytes_;  // By Footprint, of all rows of the lane that are not finished.
  bool expiry_due_ = false;    // The next row is too old.
  bool expiring_crowd_ = false;
  std::optional<DropReason> dropping_;  // The store is dropping rows behind the cursor.

  bool refused_ = false;     // Since the last rewind a verdict other than kDelivered came.
  bool retry_now_ = false;   // It was a rejection, which says nothing about the outside world being away.
  bool failing_ = false;     // The log has said so, and not yet that it is over.
  bool in_trouble_ = false;  // The sink has said so, and nothing was delivered since.
  Bytes sent_today_ = 0;
  Bytes sent_ = 0;
  std::chrono::sys_days today_{};
  std::uint32_t attempts_ = 0;  // Refusals of the row that is sent alone.

  std::string last_error_;  // The sink's last reason for not taking a row, and when it came.
  WallTime last_error_time_;

  Seq told_through_ = 0;  // Settled rows up to here were given to TakeSettled.
  std::uint64_t finished_ = 0;
  std::vector<DeadLetter> dead_letters_;
  std::vector<LaneDrop> expired_;                // Single rows, given to the sink before.
  std::map<DropReason, std::uint64_t> dropped_;  // Events that the log does not know of yet.
  std::uint64_t set_aside_ = 0;                  // Since the log was told of losses.
  std::function<void()> closed_;
};

}  // namespace sluice
