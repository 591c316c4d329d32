// librdkafka's mock cluster as a value: a Kafka that can be told to fail.
//
// Facts worth knowing: it keeps 5 MB per partition, knows no TLS and no SASL, and does not recognise a resend by the idempotent producer,
// so that duplicates need the real broker.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <memory>
#include <string>

namespace sluice {

class MockKafka {
 public:
  /// Ends the program if the cluster cannot be made.
  explicit MockKafka(int brokers = 1);
  ~MockKafka();
  MockKafka(const MockKafka&) = delete;
  MockKafka& operator=(const MockKafka&) = delete;

  std::string bootstrap() const;
  void CreateTopic(const std::string& name, int partitions);
  /// `broker`: from 1 on.
  void MoveLeader(const std::string& topic, int partition, int broker);
  void SetDown(bool down);
  void SetRoundTrip(int milliseconds);
  /// The next `count` Produce requests are answered with `error`.
  void FailProduce(rd_kafka_resp_err_t error, int count);

 private:
  const int brokers_;
  rd_kafka_t* kafka_;
  rd_kafka_mock_cluster_t* cluster_;
};

}  // namespace sluice
