#include "drivers/mqtt_publisher.h"

#include <algorithm>
#include <utility>

#include "drivers/mqtt_paho.h"

namespace sluice {
namespace {

constexpr int kQos = 1;

// Reason codes of PUBACK and DISCONNECT that speak of the message itself. The others may change without it: rights, quotas, an overload.
bool BlamesMessage(int reason) {
  switch (reason) {
    case MQTTREASONCODE_MALFORMED_PACKET:
    case MQTTREASONCODE_TOPIC_NAME_INVALID:
    case MQTTREASONCODE_PACKET_TOO_LARGE:
    case MQTTREASONCODE_PAYLOAD_FORMAT_INVALID:
    case MQTTREASONCODE_RETAIN_NOT_SUPPORTED:
    case MQTTREASONCODE_QOS_NOT_SUPPORTED:
      return true;
    default:
      return false;
  }
}

/// The library's answers to publishes; the user context of a token is the number.
class Receipts : public mqtt::iaction_listener {
 public:
  explicit Receipts(std::function<void(MqttReceipt)> on_receipt) : on_receipt_(std::move(on_receipt)) {}

  static void* Context(std::uint64_t number) { return reinterpret_cast<void*>(number); }

 private:
  static std::uint64_t NumberOf(const mqtt::token& token) { return reinterpret_cast<std::uint64_t>(token.get_user_context()); }

  void on_success(const mqtt::token& token) override { on_receipt_({NumberOf(token), Verdict::kDelivered, ""}); }
  void on_failure(const mqtt::token& token) override {
    const int reason = static_cast<int>(token.get_reason_code());
    // Anything else is the end of the connection, which is told by itself and then with the broker's reason.
    if (reason < kPahoRefused) return;
    on_receipt_({NumberOf(token), BlamesMessage(reason) ? Verdict::kRejected : Verdict::kRetry,
                 "the broker refused it: " + PahoReasonText(reason)});
  }

  const std::function<void(MqttReceipt)> on_receipt_;
};

Result<MqttLimits> LimitsOf(const mqtt::properties& properties) {
  using mqtt::property;
  MqttLimits limits;
  if (properties.contains(property::MAXIMUM_QOS) && mqtt::get<std::uint8_t>(properties, property::MAXIMUM_QOS) < kQos) {
    return Fail(ErrorCode::kInvalid, "it takes QoS 0 only, which promises nothing");
  }
  if (properties.contains(property::RECEIVE_MAXIMUM))
    limits.receive_maximum = mqtt::get<std::uint16_t>(properties, property::RECEIVE_MAXIMUM);
  if (properties.contains(property::MAXIMUM_PACKET_SIZE)) {
    limits.max_packet = mqtt::get<std::uint32_t>(properties, property::MAXIMUM_PACKET_SIZE);
  }
  if (properties.contains(property::RETAIN_AVAILABLE)) {
    limits.takes_retained = mqtt::get<std::uint8_t>(properties, property::RETAIN_AVAILABLE) != 0;
  }
  return limits;
}

mqtt::properties PropertiesOf(const MqttMessage& message) {
  mqtt::properties properties;
  if (!message.content_type.empty()) properties.add({mqtt::property::CONTENT_TYPE, message.content_type});
  if (message.expiry) {
    constexpr std::int64_t kMost = UINT32_MAX;
    const auto seconds = static_cast<std::uint32_t>(std::min<std::int64_t>(message.expiry->count(), kMost));
    properties.add({mqtt::property::MESSAGE_EXPIRY_INTERVAL, static_cast<std::int32_t>(seconds)});
  }
  for (const Property& p : message.properties) properties.add({mqtt::property::USER_PROPERTY, p.name, p.value});
  return properties;
}

class PahoPublisher : public MqttPublisher {
 public:
  PahoPublisher(const MqttBrokerConfig& config, const std::string& client_id, const std::string& gate, Listener listener)
      : config_(config),
        listener_(std::move(listener)),
        receipts_(listener_.on_receipt),
        client_(PahoUri(config), client_id, mqtt::create_options(PahoVersion(config))) {
    client_.set_connection_lost_handler([this](const std::string& why) {
      listener_.on_lost({false, why.empty() ? "the connection to the broker was lost" : "the connection to the broker was lost: " + why});
    });
    client_.set_disconnected_handler([this](const mqtt::properties&, mqtt::ReasonCode reason) {
      const int code = static_cast<int>(reason);
      listener_.on_lost({BlamesMessage(code), "the broker disconnected: " + PahoReasonText(code)});
    });
    SetPahoOptions(config_, gate, options_);
    if (config_.protocol_version == 5) {
      options_.set_clean_start(true);
    } else {
      options_.set_clean_session(true);
    }
  }

  Result<void> Connect(std::function<void(Result<MqttLimits>)> done) override {
    connect_.succeeded = [this, done](const mqtt::token& token) {
      done(config_.protocol_version == 5 ? LimitsOf(token.get_connect_response().get_properties()) : Result<MqttLimits>(MqttLimits{}));
    };
    connect_.failed = [done](const Error& error) { done(tl::unexpected<Error>(error)); };
    return CallPaho([this] { client_.connect(options_, nullptr, connect_); });
  }

  void Publish(std::uint64_t number, MqttMessage message) override {
    const mqtt::properties properties = config_.protocol_version == 5 ? PropertiesOf(message) : mqtt::properties();
    const auto packet =
        mqtt::message::create(std::move(message.topic), mqtt::binary_ref(std::move(message.payload)), kQos, message.retain, properties);
    try {
      client_.publish(packet, Receipts::Context(number), receipts_);
    } catch (const mqtt::exception& error) {
      const std::string why = mqtt::exception::error_str(error.get_return_code());
      if (error.get_return_code() == MQTTASYNC_BAD_UTF8_STRING) {
        listener_.on_receipt({number, Verdict::kRejected, "the topic is not UTF-8"});
      } else {
        listener_.on_lost({false, "the MQTT library does not take a message: " + why});
      }
    }
  }

  void Disconnect() override {
    (void)CallPaho([this] { client_.disconnect(); });
  }

 private:
  const MqttBrokerConfig& config_;
  const Listener listener_;
  mqtt::connect_options options_;
  PahoAnswer connect_;
  Receipts receipts_;
  // Last: destroyed first, it uses the rest.
  mqtt::async_client client_;
};

}  // namespace

Result<std::unique_ptr<MqttPublisher>> MqttPublisher::Create(const MqttBrokerConfig& config, const std::string& client_id,
                                                             const std::string& gate, Listener listener) {
  try {
    return std::make_unique<PahoPublisher>(config, client_id, gate, std::move(listener));
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kUnavailable, error.what());
  }
}

}  // namespace sluice
