// One librdkafka producer instance and the descriptor that says it has something to tell.
//
// Loop thread, except that it may be destroyed anywhere (destruction can block).
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

class KafkaProducer {
 public:
  /// kInvalid: librdkafka does not accept the configuration.
  static Result<std::unique_ptr<KafkaProducer>> Create(const std::string& name, const KafkaSinkConfig& config);
  ~KafkaProducer();

  /// Readable when Drain has something to do; signalled only when the queue was empty, so drain fully.
  int event_fd() const { return event_fd_; }

  /// `opaque` comes back with the report. Copies everything; takes over `headers`, also on failure. The code is why it was not queued.
  rd_kafka_resp_err_t Produce(const std::string& topic, std::string_view key, std::string_view value, rd_kafka_headers_t* headers,
                              std::uint64_t opaque);
  /// Tells all delivery reports that are there.
  void Drain(const std::function<void(std::uint64_t opaque, rd_kafka_resp_err_t error)>& on_report);
  /// Sends what is queued without waiting for linger.
  void Flush();

 private:
  KafkaProducer(std::string name, rd_kafka_t* kafka);
  rd_kafka_topic_t* TopicOf(const std::string& name);
  void OnError(rd_kafka_event_t* event);
  void OnLog(rd_kafka_event_t* event);

  const std::string name_;
  rd_kafka_t* const kafka_;
  rd_kafka_queue_t* const queue_;
  int event_fd_;
  std::unordered_map<std::string, rd_kafka_topic_t*> topics_;
  std::string last_error_;  // Told in the log; the same again is not.
};

}  // namespace sluice
