// The Kinesis sink: PutRecords, one CloudEvents 1.0 object (drivers/cloud_event_json.h) a record.
//
// Invariants
//  1. kDelivered is said only of a record that has a sequence number in a complete answer.
//  2. Of a key one record is under way at a time, within a call and over all calls (drivers/kinesis_queue.h): whatever part of a call is
//  taken,
//     and whichever copy of it arrives late, the first copies arrive in order.
//  3. A record that Kinesis did not take out of a call that worked (throttling, mostly) is sent again from here, after a pause; its key
//  waits,
//     others go on. Going back in the lane for each of them, as the forwarder would, sends most of a window twice.
//  4. A call that failed as a whole is the forwarder's to retry: its rows get kRetry, or kRejected where Kinesis says that the content is
//     wrong. From the failure on no call is started, and the verdicts are told when no other is under way: so the Reset that follows gives
//     up nothing that may have arrived.
//
// Record: data = the object, partition key = the row's key (PartitionKeyOf), stream = the row's destination, or else the configured one.
//
// Loop thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "drivers/kinesis_answer.h"
#include "drivers/kinesis_api.h"
#include "drivers/kinesis_queue.h"
#include "gateway/backoff.h"
#include "gateway/cloud_event.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

class KinesisSink : public Sink {
 public:
  /// `name`: for the log. `seed`: of the jitter. kInvalid: the endpoint is no address.
  static Result<std::unique_ptr<Sink>> Create(const std::string& name, const KinesisSinkConfig& config, const Identity& identity,
                                              Loop& loop, std::uint64_t seed);

  void Open(SinkListener& listener) override;
  void Send(const Row& row) override;
  void Flush() override;
  void Reset(std::function<void()> ready) override;
  void Close(std::function<void()> closed) override;

 private:
  using Call = std::vector<KinesisQueue::Line*>;
  struct Refusal {
    Seq seq;
    Verdict verdict;
    std::string reason;
  };

  KinesisSink(const std::string& name, const std::string& stream, std::unique_ptr<KinesisApi> api, const Identity& identity, Loop& loop,
              std::uint64_t seed);
  void Pump();
  void RenewKeys();
  void StartCall();
  void OnOutcome(const Call& call, const KinesisOutcome& outcome);
  /// True if verdicts were told.
  bool Settle(const Call& call, const std::vector<std::string>& errors);
  void TellWaiting(const std::string& error);
  void Refuse(const Call& call, Verdict verdict, const std::string& reason);
  /// True if verdicts were told.
  bool TellRefusals();
  void Forget();

  const std::string name_;
  const std::string stream_;  // For rows that name none.
  CloudEvent cloud_event_;
  Loop& loop_;
  SinkListener* listener_ = nullptr;
  const std::unique_ptr<KinesisApi> api_;
  bool renewing_ = false;

  KinesisQueue queue_;
  std::size_t calls_ = 0;          // Under way.
  bool stopped_ = false;           // Something was refused: no call is started until Reset.
  std::vector<Refusal> refusals_;  // Not told yet.
  const std::unique_ptr<Timer> tell_timer_;
  Backoff retry_backoff_;  // Of records, not of calls.
  const std::unique_ptr<Timer> retry_timer_;
  MonotonicTime silent_until_{};  // The log need not tell so often that records wait.
};

}  // namespace sluice
