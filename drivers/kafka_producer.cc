#include "drivers/kafka_producer.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "drivers/tls_files.h"
#include "gateway/log.h"

namespace sluice {
namespace {

// Topics seen lately keep a handle each; a template over wildcards may name many.
constexpr std::size_t kMaxTopics = 1'000;
// What is told in one turn of the loop, about: each report makes room for another row, and others wait for their turn.
constexpr std::size_t kReportsPerTurn = 500;

using Settings = std::vector<std::pair<std::string, std::string>>;

std::string Join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ",") + word;
  return joined;
}

/// What can be changed by the operator's `rdkafka` properties.
Settings Defaults() {
  return {{"linger.ms", "20"},
          {"partitioner", "murmur2_random"},
          {"compression.type", "zstd"},
          {"compression.level", "1"},
          {"socket.keepalive.enable", "true"},
          {"reconnect.backoff.max.ms", "30000"},
          {"queue.buffering.max.messages", "20000"},
          {"queue.buffering.max.kbytes", "65536"},
          {"batch.num.messages", "2000"},
          {"batch.size", "262144"},
          {"message.max.bytes", "1048576"},
          {"topic.metadata.refresh.interval.ms", "60000"}};
}

/// What the promise stands on; set last.
Settings Fixed(const KafkaSinkConfig& config) {
  Settings settings = {{"bootstrap.servers", Join(config.brokers)},
                       {"acks", "all"},
                       {"enable.idempotence", "true"},
                       {"enable.gapless.guarantee", "true"},
                       {"message.timeout.ms", "0"},
                       {"log.queue", "true"}};
  if (config.tls) {
    settings.push_back({"security.protocol", config.mechanism.empty() ? "ssl" : "sasl_ssl"});
    if (!config.tls->ca_file.empty()) settings.push_back({"ssl.ca.location", config.tls->ca_file});
    if (!config.tls->cert_file.empty()) settings.push_back({"ssl.certificate.location", config.tls->cert_file});
    if (!config.tls->key_file.empty()) settings.push_back({"ssl.key.location", config.tls->key_file});
    if (!config.tls->key_password.empty()) settings.push_back({"ssl.key.password", config.tls->key_password});
  } else if (!config.mechanism.empty()) {
    settings.push_back({"security.protocol", "sasl_plaintext"});
  }
  if (config.msk_iam) {
    settings.push_back({"sasl.mechanism", "OAUTHBEARER"});
  } else if (!config.mechanism.empty()) {
    settings.push_back({"sasl.mechanism", config.mechanism});
    settings.push_back({"sasl.username", config.username});
    settings.push_back({"sasl.password", config.password});
  }
  return settings;
}

Result<void> Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char why[256];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK) return {};
  if (name == "compression.type" && value == "zstd") return Set(conf, name, "lz4");  // Not built with zstd.
  return Fail(ErrorCode::kInvalid, name + ": " + why);
}

Result<void> SetAll(rd_kafka_conf_t* conf, const KafkaSinkConfig& config) {
  for (const Settings& settings : {Defaults(), Settings(config.rdkafka.begin(), config.rdkafka.end()), Fixed(config)}) {
    for (const auto& [name, value] : settings) {
      if (Result<void> set = Set(conf, name, value); !set) return set;
    }
  }
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
  return {};
}

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::Create(const std::string& name, const KafkaSinkConfig& config) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  (void)Set(conf, "client.id", "sluice");
  if (Result<void> set = SetAll(conf, config); !set) {
    rd_kafka_conf_destroy(conf);
    return tl::unexpected<Error>(set.error());
  }
  auto throttle = std::make_unique<Throttle>();
  rd_kafka_conf_set_opaque(conf, throttle.get());
  rd_kafka_conf_set_throttle_cb(conf, [](rd_kafka_t*, const char*, std::int32_t, int milliseconds, void* opaque) {
    // Zero tells that the last answer was not throttled; the next may be.
    if (milliseconds > 0) static_cast<Throttle*>(opaque)->wait = std::chrono::milliseconds(milliseconds);
  });
  char why[512];
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  if (kafka == nullptr) {
    rd_kafka_conf_destroy(conf);
    const std::string unreadable = config.tls ? WhyUnreadable(*config.tls) : "";
    return Fail(ErrorCode::kUnavailable, unreadable.empty() ? why : unreadable);
  }
  return std::unique_ptr<KafkaProducer>(new KafkaProducer(name, kafka, std::move(throttle)));
}

KafkaProducer::KafkaProducer(std::string name, rd_kafka_t* kafka, std::unique_ptr<Throttle> throttle)
    : name_(std::move(name)),
      throttle_(std::move(throttle)),
      kafka_(kafka),
      queue_(rd_kafka_queue_get_main(kafka)),
      event_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  rd_kafka_set_log_queue(kafka_, nullptr);  // To the main queue.
  const std::uint64_t one = 1;
  rd_kafka_queue_io_event_enable(queue_, event_fd_, &one, sizeof one);
  // What came before is not signalled, and while it waits nothing that comes later is.
  Drain({[](const KafkaReport&) {}, [](rd_kafka_resp_err_t, const std::string&) {}, [](std::chrono::milliseconds) {}, [] {}});
}

KafkaProducer::~KafkaProducer() {
  rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
  rd_kafka_purge(kafka_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  for (auto& [name, topic] : topics_) rd_kafka_topic_destroy(topic);
  rd_kafka_queue_destroy(queue_);
  rd_kafka_destroy(kafka_);
  ::close(event_fd_);
}

rd_kafka_topic_t* KafkaProducer::TopicOf(const std::string& name) {
  auto it = topics_.find(name);
  if (it != topics_.end()) return it->second;
  if (topics_.size() >= kMaxTopics) {
    for (auto& [old_name, topic] : topics_) rd_kafka_topic_destroy(topic);
    topics_.clear();
  }
  rd_kafka_topic_t* topic = rd_kafka_topic_new(kafka_, name.c_str(), nullptr);
  if (topic != nullptr) topics_.emplace(name, topic);
  return topic;
}

rd_kafka_resp_err_t KafkaProducer::Produce(const std::string& topic_name, std::string_view key, std::string_view value,
                                           rd_kafka_headers_t* headers, std::uint64_t opaque) {
  rd_kafka_topic_t* topic = topic_name.empty() ? nullptr : TopicOf(topic_name);
  if (topic == nullptr) {
    rd_kafka_headers_destroy(headers);
    return RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
  }
  // An empty payload is an empty value, not a tombstone.
  const char* value_data = value.empty() ? "" : value.data();
  const rd_kafka_resp_err_t error =
      rd_kafka_producev(kafka_, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_KEY(key.empty() ? "" : key.data(), key.size()),
                        RD_KAFKA_V_VALUE(const_cast<char*>(value_data), value.size()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(opaque)), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
  return Cause(error);
}

// After a fatal error the library fails everything with one code, and tells the real one on request.
rd_kafka_resp_err_t KafkaProducer::Cause(rd_kafka_resp_err_t error) const {
  if (error != RD_KAFKA_RESP_ERR__FATAL) return error;
  char ignored[1];
  const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(kafka_, ignored, sizeof ignored);
  return cause == RD_KAFKA_RESP_ERR_NO_ERROR ? error : cause;
}

bool KafkaProducer::HasUndelivered() const {
  return rd_kafka_outq_len(kafka_) > 0;
}

void KafkaProducer::Drain(const Listener& listener) {
  std::uint64_t signals = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_fd_, &signals, sizeof signals);
  std::size_t told = 0;
  while (rd_kafka_event_t* event = told < kReportsPerTurn ? rd_kafka_queue_poll(queue_, 0) : nullptr) {
    switch (rd_kafka_event_type(event)) {
      case RD_KAFKA_EVENT_DR:
        told += rd_kafka_event_message_count(event);
        TellReports(event, listener);
        break;
      case RD_KAFKA_EVENT_ERROR:
        listener.on_error(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        break;
      case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        listener.on_token_wanted();
        break;
      case RD_KAFKA_EVENT_LOG:
        OnLog(event);
        break;
      default:
        break;
    }
    rd_kafka_event_destroy(event);
  }
  if (told >= kReportsPerTurn) Signal();
  if (throttle_->wait.count() > 0) listener.on_throttle(std::exchange(throttle_->wait, {}));
}

// The library signals only when its queue was empty.
void KafkaProducer::Signal() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(event_fd_, &one, sizeof one);
}

void KafkaProducer::TellReports(rd_kafka_event_t* event, const Listener& listener) const {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    const bool failed = message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->rkt != nullptr;
    listener.on_report(
        {reinterpret_cast<std::uint64_t>(message->_private), Cause(message->err), failed ? rd_kafka_topic_name(message->rkt) : ""});
  }
}

void KafkaProducer::OnLog(rd_kafka_event_t* event) {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) == 0) {
    Log(LogLevel::kDebug, "kafka", text, {{"sink", name_}, {"facility", facility}});
  }
}

Result<void> KafkaProducer::SetToken(const std::string& token, WallTime expires) {
  const auto end = std::chrono::floor<std::chrono::milliseconds>(expires.time_since_epoch()).count();
  char why[256];
  // The brokers read who we are from the token; the name is for the library's own use.
  if (rd_kafka_oauthbearer_set_token(kafka_, token.c_str(), end, "sluice", nullptr, 0, why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Fail(ErrorCode::kInvalid, why);
  }
  return {};
}

}  // namespace sluice
