#include "gateway/sink_rules.h"

#include <algorithm>

namespace sluice {
namespace {

bool IsLegalInName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool IsLegal(SinkType type, char c) {
  switch (type) {
    case SinkType::kKafka:
    case SinkType::kKinesis:
      return IsLegalInName(c);
    case SinkType::kMqtt:
      return c != '+' && c != '#' && c != '\0';
    case SinkType::kFile:
      return true;
  }
  return true;
}

}  // namespace

const SinkRules& RulesOf(SinkType type) {
  static constexpr SinkRules kKafka{"a Kafka sink", "topic", 249, true, false};
  static constexpr SinkRules kFile{"a file sink", "topic", 0, false, false};
  static constexpr SinkRules kKinesis{"a Kinesis sink", "stream", 128, true, false};
  static constexpr SinkRules kMqtt{"an MQTT sink", "topic", 65'535, true, true};
  switch (type) {
    case SinkType::kKafka:
      return kKafka;
    case SinkType::kFile:
      return kFile;
    case SinkType::kKinesis:
      return kKinesis;
    case SinkType::kMqtt:
      return kMqtt;
  }
  return kFile;
}

bool TakesHeaders(const SinkConfig& sink) {
  return sink.type == SinkType::kKafka || (sink.type == SinkType::kMqtt && sink.mqtt.protocol_version == 5);
}

std::string FitDestination(SinkType type, std::string& destination) {
  const SinkRules& rules = RulesOf(type);
  if (rules.max_destination == 0) return "";
  std::replace_if(
      destination.begin(), destination.end(), [type](char c) { return !IsLegal(type, c); }, '_');
  const std::string what = rules.destination_key;
  if (destination.empty()) return "the " + what + " is empty";
  if (destination.size() > rules.max_destination)
    return "the " + what + " is longer than " + std::to_string(rules.max_destination) + " bytes";
  if (type == SinkType::kKafka && (destination == "." || destination == "..")) return "no topic can be named `" + destination + "`";
  return "";
}

}  // namespace sluice
