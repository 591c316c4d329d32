// Makes or deletes a topic of one partition: kafka_topic BOOTSTRAP create|delete TOPIC. Ends with 0 once the brokers have said yes.
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <string>

namespace {

constexpr int kTimeout = 30'000;  // Milliseconds.

// The brokers' answer to one topic, or that there was none.
rd_kafka_resp_err_t ErrorOf(rd_kafka_event_t* event) {
  if (event == nullptr) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event); error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  std::size_t count = 0;
  const bool created = rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT;
  const rd_kafka_topic_result_t** results = created
                                                ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
                                                : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
  return count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
}

rd_kafka_resp_err_t Ask(rd_kafka_t* kafka, const std::string& verb, const char* topic) {
  rd_kafka_queue_t* queue = rd_kafka_queue_new(kafka);
  char why[256];
  if (verb == "create") {
    rd_kafka_NewTopic_t* one = rd_kafka_NewTopic_new(topic, 1, 1, why, sizeof why);
    rd_kafka_CreateTopics(kafka, &one, 1, nullptr, queue);
    rd_kafka_NewTopic_destroy(one);
  } else {
    rd_kafka_DeleteTopic_t* one = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(kafka, &one, 1, nullptr, queue);
    rd_kafka_DeleteTopic_destroy(one);
  }
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kTimeout);
  const rd_kafka_resp_err_t error = ErrorOf(event);
  if (event != nullptr) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  return error;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof why);
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  if (kafka == nullptr) return 2;
  const rd_kafka_resp_err_t error = Ask(kafka, argv[2], argv[3]);
  rd_kafka_destroy(kafka);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) std::fprintf(stderr, "%s\n", rd_kafka_err2str(error));
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1;
}
