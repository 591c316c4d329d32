#include "drivers/mqtt_client.h"

#include <mqtt/async_client.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "drivers/mqtt_drop_count.h"
#include "drivers/mqtt_formats.h"
#include "drivers/mqtt_paho.h"
#include "gateway/system_clock.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxPropertyBytes = 4 * 1024;
// Room for topic, properties and header beside the payload in the Maximum Packet Size that the broker is told.
constexpr std::uint64_t kPacketOverhead = 128 * 1024;

/// The answers to several subscriptions, told when all are there. Any thread.
class Grants {
 public:
  Grants(std::size_t filters, std::function<void(Result<std::vector<int>>)> done)
      : missing_(filters), codes_(filters), done_(std::move(done)) {}

  void Set(std::size_t filter, int code) {
    std::lock_guard lock(mutex_);
    codes_[filter] = code;
    if (--missing_ == 0) done_(codes_);
  }

 private:
  std::mutex mutex_;
  std::size_t missing_;
  std::vector<int> codes_;
  const std::function<void(Result<std::vector<int>>)> done_;
};

// The granted QoS, or why none.
int GrantOf(const mqtt::token& subscribed) {
  const auto codes = subscribed.get_subscribe_response().get_reason_codes();
  return codes.empty() ? kPahoRefused : static_cast<int>(codes.front());
}

// 0, or why not. MQTT 3.1.1 has no codes for it.
int GoodbyeOf(const mqtt::token& unsubscribed) {
  const auto codes = unsubscribed.get_unsubscribe_response().get_reason_codes();
  return codes.empty() ? 0 : static_cast<int>(codes.front());
}

void CopyProperties(const mqtt::properties& properties, Event& event) {
  using mqtt::property;
  if (properties.contains(property::CONTENT_TYPE)) event.content_type = mqtt::get<std::string>(properties, property::CONTENT_TYPE);
  if (properties.contains(property::MESSAGE_EXPIRY_INTERVAL)) {
    event.expiry = std::chrono::seconds(mqtt::get<std::uint32_t>(properties, property::MESSAGE_EXPIRY_INTERVAL));
  }
  std::size_t bytes = 0;
  const std::size_t count = properties.count(property::USER_PROPERTY);
  for (std::size_t i = 0; i < count; ++i) {
    auto [name, value] = mqtt::get<mqtt::string_pair>(properties, property::USER_PROPERTY, i);
    bytes += name.size() + value.size();
    if (bytes > kMaxPropertyBytes) return;
    event.properties.push_back({std::move(name), std::move(value)});
  }
}

bool IsSkipped(const MqttSourceConfig& config, const mqtt::message& message) {
  // MQTT 5 brokers are asked not to send them.
  return config.retained == RetainedPolicy::kSkip && config.protocol_version != 5 && message.is_retained();
}

Event MakeEvent(const MqttSourceConfig& config, const MqttFormats& formats, const mqtt::message& message) {
  Event event;
  StampReceipt(event);
  event.topic = message.get_topic();
  event.format = formats.Of(event.topic);
  event.qos = static_cast<std::uint8_t>(message.get_qos());
  event.retained = message.is_retained();
  event.duplicate = message.is_duplicate();
  if (message.get_payload_ref() && message.get_payload_ref().size() > config.max_payload) {
    event.refusal = Refusal::kTooLarge;
  } else if (IsOwnTopic(event.topic)) {
    event.refusal = Refusal::kReserved;
  } else if (IsSkipped(config, message)) {
    event.refusal = Refusal::kRetained;
  } else if (message.get_payload_ref()) {
    event.payload = message.get_payload();
  }
  if (!message.get_properties().empty()) CopyProperties(message.get_properties(), event);
  return event;
}

class PahoClient : public MqttClient {
 public:
  PahoClient(const MqttSourceConfig& config, const std::string& gate, Handlers handlers)
      : config_(config), formats_(config), client_(PahoUri(config), config.client_id, mqtt::create_options(PahoVersion(config))) {
    client_.set_message_callback([this, handlers = std::move(handlers)](const mqtt::const_message_ptr& message) {
      try {
        if (handlers.on_drop_count && message->get_topic() == MqttDropCount::kTopic) {
          return handlers.on_drop_count(message->get_payload_str());
        }
        handlers.on_event(MakeEvent(config_, formats_, *message));
      } catch (...) {
        // An exception here would end in C code. Only memory can have run out: to die unacknowledged loses nothing.
        std::abort();
      }
    });
    BuildOptions(gate);
  }

  Result<void> Connect(std::function<void(Result<bool>)> done) override {
    connect_.succeeded = [done](const mqtt::token& token) { done(token.get_connect_response().is_session_present()); };
    connect_.failed = [done](const Error& error) { done(tl::unexpected<Error>(error)); };
    return CallPaho([this] { client_.connect(options_, nullptr, connect_); });
  }

  Result<void> Subscribe(std::function<void(Result<std::vector<int>>)> done) override {
    // One call a filter: the library's call for several crashes when they have options (Paho C++ 1.2.0).
    grants_ = std::make_unique<Grants>(config_.subscribe.size(), std::move(done));
    subscribe_ = std::vector<PahoAnswer>(config_.subscribe.size());
    for (std::size_t i = 0; i < subscribe_.size(); ++i) {
      subscribe_[i].succeeded = [this, i](const mqtt::token& token) { grants_->Set(i, GrantOf(token)); };
      subscribe_[i].failed = [this, i](const Error&) { grants_->Set(i, kPahoRefused); };
      if (Result<void> called = CallPaho([&] { SendSubscribe(config_.subscribe[i], config_.retained, subscribe_[i]); }); !called)
        return called;
    }
    return {};
  }

  Result<void> Unsubscribe(const std::vector<std::string>& filters, std::function<void(bool)> done) override {
    goodbyes_ = std::make_unique<Grants>(filters.size(), [done = std::move(done)](const Result<std::vector<int>>& codes) {
      done(std::all_of(codes->begin(), codes->end(), [](int code) { return code < kPahoRefused; }));
    });
    unsubscribe_ = std::vector<PahoAnswer>(filters.size());
    for (std::size_t i = 0; i < filters.size(); ++i) {
      unsubscribe_[i].succeeded = [this, i](const mqtt::token& token) { goodbyes_->Set(i, GoodbyeOf(token)); };
      unsubscribe_[i].failed = [this, i](const Error&) { goodbyes_->Set(i, kPahoRefused); };
      if (Result<void> called = CallPaho([&] { client_.unsubscribe(filters[i], nullptr, unsubscribe_[i]); }); !called) return called;
    }
    return {};
  }

  Result<void> SubscribeToDropCount(std::function<void(bool)> done) override {
    drop_count_.succeeded = [done](const mqtt::token& token) { done(GrantOf(token) < kPahoRefused); };
    drop_count_.failed = [done](const Error&) { done(false); };
    // With its present value each time: what changed while we were away is told.
    return CallPaho([this] { SendSubscribe({MqttDropCount::kTopic, 0}, RetainedPolicy::kForward, drop_count_); });
  }

  void Disconnect() override {
    (void)CallPaho([this] { client_.disconnect(); });
  }

 private:
  void BuildOptions(const std::string& gate) {
    SetPahoOptions(config_, gate, options_);
    if (config_.protocol_version == 5) {
      options_.set_clean_start(false);
      options_.set_properties(SessionProperties());
    } else {
      options_.set_clean_session(false);
    }
  }

  mqtt::properties SessionProperties() const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(config_.session_expiry).count();
    const auto expiry = static_cast<std::int32_t>(std::min<std::int64_t>(seconds, INT32_MAX));
    const auto packet = static_cast<std::int32_t>(std::min<std::uint64_t>(config_.max_payload + kPacketOverhead, 268'435'455));
    mqtt::properties properties;
    properties.add({mqtt::property::SESSION_EXPIRY_INTERVAL, expiry});
    properties.add({mqtt::property::RECEIVE_MAXIMUM, config_.receive_maximum});
    properties.add({mqtt::property::MAXIMUM_PACKET_SIZE, packet});
    return properties;
  }

  void SendSubscribe(const Subscription& subscription, RetainedPolicy retained, PahoAnswer& answer) {
    if (config_.protocol_version != 5) {
      client_.subscribe(subscription.filter, subscription.qos, nullptr, answer);
      return;
    }
    using mqtt::subscribe_options;
    const auto handling = retained == RetainedPolicy::kOnce   ? subscribe_options::SEND_RETAINED_ON_NEW
                          : retained == RetainedPolicy::kSkip ? subscribe_options::DONT_SEND_RETAINED
                                                              : subscribe_options::SEND_RETAINED_ON_SUBSCRIBE;
    client_.subscribe(subscription.filter, subscription.qos, nullptr, answer, subscribe_options(false, false, handling));
  }

  const MqttSourceConfig& config_;
  const MqttFormats formats_;
  mqtt::connect_options options_;
  PahoAnswer connect_;
  std::unique_ptr<Grants> grants_;
  std::vector<PahoAnswer> subscribe_;
  std::unique_ptr<Grants> goodbyes_;
  std::vector<PahoAnswer> unsubscribe_;
  PahoAnswer drop_count_;
  // Last: destroyed first, it uses the rest. No callback comes after; to disable them before would fail, by throwing, during a connect.
  mqtt::async_client client_;
};

}  // namespace

Result<std::unique_ptr<MqttClient>> MqttClient::Create(const MqttSourceConfig& config, const std::string& gate, Handlers handlers) {
  try {
    return std::make_unique<PahoClient>(config, gate, std::move(handlers));
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kUnavailable, error.what());
  }
}

}  // namespace sluice
