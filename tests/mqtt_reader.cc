#include "tests/mqtt_reader.h"

#include <mqtt/async_client.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

constexpr std::chrono::seconds kPatience{30};
const std::string kMarker = "reader/marker";

void Await(const mqtt::token_ptr& token) {
  if (token->wait_for(kPatience)) return;
  std::fprintf(stderr, "the broker does not answer the reader\n");
  std::abort();
}

MqttReader::Message Convert(const mqtt::message& message) {
  using mqtt::property;
  const mqtt::properties& properties = message.get_properties();
  MqttReader::Message one{message.get_topic(), message.get_payload_str(), "", {}, -1};
  if (properties.contains(property::CONTENT_TYPE)) one.content_type = mqtt::get<std::string>(properties, property::CONTENT_TYPE);
  if (properties.contains(property::MESSAGE_EXPIRY_INTERVAL)) one.expiry = mqtt::get<int>(properties, property::MESSAGE_EXPIRY_INTERVAL);
  for (std::size_t i = 0; i < properties.count(property::USER_PROPERTY); ++i) {
    auto [name, value] = mqtt::get<mqtt::string_pair>(properties, property::USER_PROPERTY, i);
    one.properties.push_back({std::move(name), std::move(value)});
  }
  return one;
}

}  // namespace

class MqttReader::Client {
 public:
  Client(std::uint16_t port, std::function<void(const mqtt::message&)> on_message)
      : client_("tcp://127.0.0.1:" + std::to_string(port), "reader", mqtt::create_options(MQTTVERSION_5)) {
    client_.set_message_callback([on_message](const mqtt::const_message_ptr& message) { on_message(*message); });
    mqtt::connect_options options;
    options.set_mqtt_version(MQTTVERSION_5);
    options.set_clean_start(true);
    Await(client_.connect(options));
    Await(client_.subscribe("#", 1));
  }
  void Publish(const std::string& topic) { Await(client_.publish(topic, "", 0, 1, false)); }

 private:
  mqtt::async_client client_;
};

MqttReader::MqttReader(std::uint16_t port) : port_(port) {
  Reconnect();
}

MqttReader::~MqttReader() = default;

void MqttReader::Reconnect() {
  client_.reset();
  client_ = std::make_unique<Client>(port_, [this](const mqtt::message& message) {
    std::lock_guard lock(mutex_);
    if (message.get_topic() == kMarker) {
      ++markers_seen_;
    } else {
      messages_.push_back(Convert(message));
    }
  });
}

std::vector<MqttReader::Message> MqttReader::Messages() {
  // The broker sends in the order in which it took: once this is back, so is all before it.
  ++markers_;
  client_->Publish(kMarker);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (markers_seen_ == markers_) return messages_;
    }
    if (std::chrono::steady_clock::now() > end) {
      std::fprintf(stderr, "the broker does not send on what it took\n");
      std::abort();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace sluice
