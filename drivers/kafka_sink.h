// The Kafka sink: librdkafka's idempotent producer, one for each lane.
//
// Invariants
//  1. kDelivered is said only on a delivery report without error: acks=all, idempotent.
//  2. gapless: after a record fails, no later one of its partition is delivered, until Reset has made a new producer.
//  3. A trouble that may pass (no rights, no topic, no network, a wrong password) never rejects a row. The log says once what to do about
//  it,
//     and once when it is over: here where no row is told of it, in the forwarder otherwise.
//  4. The producer's own queue is larger than what the forwarder has in flight: Send never meets a full queue.
//
// Record: CloudEvents 1.0 in the Kafka protocol binding's binary mode; value = the payload untouched, key = the row's key, topic = its
// destination. MQTT user properties travel as headers of their own names.
//
// Loop thread; librdkafka's threads only signal a descriptor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "drivers/aws_key_source.h"
#include "drivers/kafka_errors.h"
#include "drivers/kafka_producer.h"
#include "drivers/msk_login.h"
#include "gateway/cloud_event.h"
#include "gateway/fd_watch.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

class KafkaSink : public Sink {
 public:
  /// `name`: for the log. Errors as KafkaProducer::Create.
  static Result<std::unique_ptr<Sink>> Create(const std::string& name, const KafkaSinkConfig& config, const Identity& identity, Loop& loop);

  void Open(SinkListener& listener) override;
  void Send(const Row& row) override;
  void Flush() override;
  void Reset(std::function<void()> ready) override;
  void Close(std::function<void()> closed) override;

 private:
  KafkaSink(const std::string& name, const KafkaSinkConfig& config, const Identity& identity, Loop& loop,
            std::unique_ptr<KafkaProducer> producer);
  void Watch();
  void OnReports();
  void TellUnsent();
  void Answer(const KafkaReport& report);
  void OnError(rd_kafka_resp_err_t error, const std::string& text);
  void SignIn();
  void OnToken(const MskToken& token);
  /// Nothing, if the advice is empty.
  void TellTrouble(const std::string& advice, const std::string& reason);
  void TellDoubt();
  /// A new producer, in the end.
  void Remake();
  void OnThrottle(std::chrono::milliseconds wait);
  /// Destroys the producer where it may block.
  void Discard(std::function<void()> discarded);

  const std::string name_;
  const KafkaSinkConfig config_;
  CloudEvent cloud_event_;
  Loop& loop_;
  SinkListener* listener_ = nullptr;
  KafkaTrouble trouble_;
  const std::unique_ptr<Timer> throttle_timer_;  // Runs while the brokers slow us down, anew each time they do.
  std::unique_ptr<AwsKeySource> key_source_;     // With AWS_MSK_IAM.
  std::unique_ptr<MskLogin> login_;              // With AWS_MSK_IAM.
  std::unique_ptr<KafkaProducer> producer_;
  std::unique_ptr<FdWatch> watch_;
  const std::unique_ptr<Timer> doubt_timer_;   // Running: a broker could not be reached, and nothing was delivered since.
  std::string doubt_;                          // What the library said to that.
  const std::unique_ptr<Timer> remake_timer_;  // Running: no producer could be made.
  std::function<void()> ready_;                // Then.
  bool resetting_ = false;                     // The producer before is being destroyed.
  std::function<void()> closed_;               // When it is; the sink was closed in between.
  // Rows that could not even be queued; their verdicts come with the next turn of the loop.
  std::vector<KafkaReport> unsent_;
  const std::unique_ptr<Timer> unsent_timer_;
};

}  // namespace sluice
