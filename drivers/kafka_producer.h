// One librdkafka producer instance and the descriptor that says it has something to tell.
//
// Loop thread, except that it may be destroyed anywhere (destruction can block).
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/result.h"

namespace sluice {

/// What a producer tells.
struct KafkaReport {
  std::uint64_t opaque = 0;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string topic;  ///< Only with an error.
};

class KafkaProducer {
 public:
  struct Listener {
    std::function<void(const KafkaReport&)> on_report;
    /// An error of the client as a whole.
    std::function<void(rd_kafka_resp_err_t error, const std::string& text)> on_error;
    /// The brokers make us wait so long before the next request. At most once a Drain.
    std::function<void(std::chrono::milliseconds)> on_throttle;
    /// With AWS_MSK_IAM: the token at hand ends soon. Told once, until SetToken.
    std::function<void()> on_token_wanted;
  };

  /// kInvalid: librdkafka does not accept the configuration. kUnavailable: it cannot be had now; a certificate or a key cannot be read,
  /// say.
  static Result<std::unique_ptr<KafkaProducer>> Create(const std::string& name, const KafkaSinkConfig& config);
  ~KafkaProducer();

  /// Readable when Drain has something to do; signalled only when the queue was empty, so drain fully.
  int event_fd() const { return event_fd_; }

  /// `opaque` comes back with the report. Copies everything; takes over `headers`, also on failure. The code is why it was not queued.
  rd_kafka_resp_err_t Produce(const std::string& topic, std::string_view key, std::string_view value, rd_kafka_headers_t* headers,
                              std::uint64_t opaque);
  /// Something waits for its report.
  bool HasUndelivered() const;
  /// Tells everything that is there.
  void Drain(const Listener& listener);
  /// With AWS_MSK_IAM: what to show to the brokers. Until the first one there is no connection. kInvalid: it has expired already.
  Result<void> SetToken(const std::string& token, WallTime expires);

 private:
  /// Written by the library's callback, which runs within Drain.
  struct Throttle {
    std::chrono::milliseconds wait{0};
  };

  KafkaProducer(std::string name, rd_kafka_t* kafka, std::unique_ptr<Throttle> throttle);
  rd_kafka_topic_t* TopicOf(const std::string& name);
  void Signal();
  void TellReports(rd_kafka_event_t* event, const Listener& listener) const;
  rd_kafka_resp_err_t Cause(rd_kafka_resp_err_t error) const;
  void OnLog(rd_kafka_event_t* event);

  const std::string name_;
  const std::unique_ptr<Throttle> throttle_;
  rd_kafka_t* const kafka_;
  rd_kafka_queue_t* const queue_;
  int event_fd_;
  std::unordered_map<std::string, rd_kafka_topic_t*> topics_;
};

}  // namespace sluice
