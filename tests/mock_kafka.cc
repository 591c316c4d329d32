#include "tests/mock_kafka.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

constexpr std::int16_t kProduceKey = 0;  // Kafka protocol: ApiKey of Produce.
constexpr std::int32_t kBroker = 1;

}  // namespace

MockKafka::MockKafka() {
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  kafka_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  cluster_ = kafka_ == nullptr ? nullptr : rd_kafka_mock_cluster_new(kafka_, 1);
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

void MockKafka::SetDown(bool down) {
  if (down) {
    rd_kafka_mock_broker_set_down(cluster_, kBroker);
  } else {
    rd_kafka_mock_broker_set_up(cluster_, kBroker);
  }
}

void MockKafka::SetRoundTrip(int milliseconds) {
  rd_kafka_mock_broker_set_rtt(cluster_, kBroker, milliseconds);
}

void MockKafka::FailProduce(rd_kafka_resp_err_t error, int count) {
  for (int i = 0; i < count; ++i) rd_kafka_mock_push_request_errors(cluster_, kProduceKey, 1, error);
}

}  // namespace sluice
