#include "tests/mock_kafka.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

constexpr std::int16_t kProduceKey = 0;  // Kafka protocol: ApiKey of Produce.

}  // namespace

MockKafka::MockKafka(int brokers) : brokers_(brokers) {
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  kafka_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  cluster_ = kafka_ == nullptr ? nullptr : rd_kafka_mock_cluster_new(kafka_, brokers);
  if (cluster_ == nullptr) {
    std::fprintf(stderr, "mock_kafka: %s\n", why);
    std::abort();
  }
}

MockKafka::~MockKafka() {
  rd_kafka_mock_cluster_destroy(cluster_);
  rd_kafka_destroy(kafka_);
}

std::string MockKafka::bootstrap() const {
  return rd_kafka_mock_cluster_bootstraps(cluster_);
}

void MockKafka::CreateTopic(const std::string& name, int partitions) {
  rd_kafka_mock_topic_create(cluster_, name.c_str(), partitions, 1);
}

void MockKafka::MoveLeader(const std::string& topic, int partition, int broker) {
  rd_kafka_mock_partition_set_leader(cluster_, topic.c_str(), partition, broker);
}

void MockKafka::SetDown(bool down) {
  for (int broker = 1; broker <= brokers_; ++broker) {
    if (down) {
      rd_kafka_mock_broker_set_down(cluster_, broker);
    } else {
      rd_kafka_mock_broker_set_up(cluster_, broker);
    }
  }
}

void MockKafka::SetRoundTrip(int milliseconds) {
  for (int broker = 1; broker <= brokers_; ++broker) rd_kafka_mock_broker_set_rtt(cluster_, broker, milliseconds);
}

void MockKafka::FailProduce(rd_kafka_resp_err_t error, int count) {
  for (int i = 0; i < count; ++i) rd_kafka_mock_push_request_errors(cluster_, kProduceKey, 1, error);
}

}  // namespace sluice
