#include "drivers/mqtt_message.h"

#include <algorithm>
#include <string_view>

namespace sluice {
namespace {

constexpr std::size_t kMaxText = 65'535;

void AddAttributes(const CloudEvent& event, const Row& row, std::vector<Property>& properties) {
  event.ForEachAttribute([&](std::string_view name, std::string_view value) {
    properties.push_back({std::string(name.substr(CloudEvent::kPrefix)), std::string(value)});
  });
  if (row.key) properties.push_back({"partitionkey", *row.key});
}

// A clock that was set back must not make a message live longer than its publisher said.
std::chrono::seconds Remaining(const Event& event, WallTime now) {
  const auto left = *event.expiry - std::chrono::floor<std::chrono::seconds>(now - event.received);
  return std::clamp(left, std::chrono::seconds(1), std::max(*event.expiry, std::chrono::seconds(1)));
}

// Bytes of a Variable Byte Integer.
std::size_t LengthSize(std::size_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

std::size_t PropertiesSize(const MqttMessage& message) {
  std::size_t size = 0;
  if (!message.content_type.empty()) size += 3 + message.content_type.size();
  if (message.expiry) size += 5;
  for (const Property& property : message.properties) size += 5 + property.name.size() + property.value.size();
  return LengthSize(size) + size;
}

bool HasLongText(const MqttMessage& message) {
  return message.content_type.size() > kMaxText || std::any_of(message.properties.begin(), message.properties.end(), [](const Property& p) {
           return p.name.size() > kMaxText || p.value.size() > kMaxText;
         });
}

}  // namespace

MqttMessage MakeMqttMessage(const CloudEvent& event, const Row& row, int protocol_version, WallTime now) {
  MqttMessage message;
  message.topic = row.destination.empty() ? row.event.topic : row.destination;
  message.payload = row.event.payload;
  message.retain = row.retain;
  if (protocol_version != 5) return message;
  message.content_type = row.event.content_type;
  if (row.event.expiry) message.expiry = Remaining(row.event, now);
  if (!row.bare) AddAttributes(event, row, message.properties);
  for (const Property& property : row.event.properties) {
    if (!IsAttributeName(property.name)) message.properties.push_back(property);
  }
  return message;
}

std::size_t PacketSize(const MqttMessage& message, int protocol_version) {
  constexpr std::size_t kTextLength = 2;
  constexpr std::size_t kPacketId = 2;
  std::size_t size = kTextLength + message.topic.size() + kPacketId + message.payload.size();
  if (protocol_version == 5) size += PropertiesSize(message);
  return 1 + LengthSize(size) + size;
}

std::string WhyNever(const MqttMessage& message, int protocol_version, const MqttLimits& limits) {
  const std::string& topic = message.topic;
  if (topic.empty()) return "the topic is empty";
  if (topic.size() > kMaxText) return "the topic is longer than 65535 bytes";
  if (topic.find_first_of("+#") != std::string::npos) return "the topic has a wildcard";
  if (topic.find('\0') != std::string::npos) return "the topic has a NUL character";
  if (HasLongText(message)) return "a property is longer than 65535 bytes";
  if (message.retain && !limits.takes_retained) return "the broker does not retain messages";
  const std::size_t size = PacketSize(message, protocol_version);
  if (size <= limits.max_packet) return "";
  return "the packet has " + std::to_string(size) + " bytes, the broker takes " + std::to_string(limits.max_packet);
}

}  // namespace sluice
