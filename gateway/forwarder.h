// The forwarder: drives one lane of the outbox into one sink. All retry policy is here.
//
// Invariants
//  1. Rows are given to the sink in seq order; at most kMaxEvents and kMaxBytes are in flight.
//  2. A row is settled only after its verdict kDelivered, or as a dead letter.
//  3. After any verdict but kDelivered the sink is reset and the lane goes back to its oldest unsettled row: nothing overtakes a refused
//     row of its key. Rows that were rejected are then sent in groups (gateway/bisection.h) until each bad one has been sent alone.
//  4. Only a row that was refused while it was sent alone becomes a dead letter.
//  5. kRetry is tried again for ever, with capped exponential back-off and full jitter. A sink that says nothing for kStall about what it
//     was given is reset as well: client libraries have been known to get stuck.
//
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/backoff.h"
#include "gateway/bisection.h"
#include "gateway/lane_buffer.h"
#include "gateway/ports.h"
#include "gateway/settlement.h"

namespace sluice {

/// How the forwarding of a lane is doing.
struct ForwarderStatus {
  LaneId lane = 0;
  std::string state;  ///< One word.
  std::size_t in_flight = 0;
  std::string last_error;  ///< Of the sink; empty: there was none.
  WallTime last_error_time;
};

class Forwarder : private SinkListener {
 public:
  static constexpr std::size_t kMaxEvents = 4'000;
  static constexpr std::size_t kMaxBytes = 8u << 20;
  static constexpr std::chrono::minutes kStall{10};

  struct Options {
    std::string sink;  ///< Name, for the log.
    std::chrono::milliseconds retry_min{250};
    std::chrono::milliseconds retry_max{30'000};
    std::uint64_t seed = 0;  ///< Of the jitter.
  };

  /// `on_settled` runs when rows or dead letters wait for a transaction. All references outlive the forwarder.
  Forwarder(const LaneState& lane, Options options, Sink& sink, EventStore& store, Clock& clock, std::function<void()> on_settled);

  void Start();
  /// Rows of this lane that are durable now.
  void OnCommitted(std::vector<Row> rows);
  /// Moves what waits to be settled into `batch`.
  void TakeSettled(Batch& batch);
  ForwarderStatus Status() const;
  /// Until as many Releases, nothing is sent and nothing more is settled; what is in flight is given up, and sent again later. False: it
  /// is closing, and is not held.
  bool Hold();
  void Release();
  /// Dead letters are rows of this lane again, under their seqs. REQUIRES: held, and what TakeSettled gave is durable.
  void OnReplayed(const std::vector<Seq>& seqs);

  /// Rows finished since the last TakeSettled.
  std::uint64_t SettleBacklog() const { return finished_; }

  /// Sends no more, waits for verdicts at most `limit`, closes the sink. `closed` runs once; TakeSettled is still valid then.
  void Close(std::chrono::milliseconds limit, std::function<void()> closed);

 private:
  enum class State { kIdle, kStreaming, kResetting, kBackingOff, kClosed };

  void OnVerdict(Seq seq, Verdict verdict, const std::string& reason) override;
  void OnVerdictsDone() override;

  void Pump();
  bool MaySend() const;
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
  Sink& sink_;
  EventStore& store_;
  const std::function<void()> on_settled_;
  const std::unique_ptr<Timer> retry_timer_;
  const std::unique_ptr<Timer> read_timer_;
  const std::unique_ptr<Timer> close_timer_;
  const std::unique_ptr<Timer> stall_timer_;  // Running while rows are in flight, anew with each verdict.

  State state_ = State::kIdle;
  LaneBuffer buffer_;
  Settlement settlement_;
  Bisection bisection_{kMaxEvents};
  Backoff backoff_;
  Seq cursor_;  // Last row given to the sink.
  bool reading_ = false;
  int holds_ = 0;

  bool refused_ = false;        // Since the last rewind a verdict other than kDelivered came.
  bool retry_now_ = false;      // It was a rejection, which says nothing about the outside world being away.
  bool failing_ = false;        // The log has said so, and not yet that it is over.
  std::uint32_t attempts_ = 0;  // Refusals of the row that is sent alone.

  std::string last_error_;  // The sink's last reason for not taking a row, and when it came.
  WallTime last_error_time_;

  Seq told_through_ = 0;  // Settled rows up to here were given to TakeSettled.
  std::uint64_t finished_ = 0;
  std::vector<DeadLetter> dead_letters_;
  std::function<void()> closed_;
};

}  // namespace sluice
