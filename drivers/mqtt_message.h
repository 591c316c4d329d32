// An event as an MQTT message: CloudEvents 1.0 in the MQTT protocol binding's binary mode. Source: MQTT Protocol Binding for CloudEvents
// 1.0.2; MQTT 5.0, sections 2.2.2 and 3.3.
//
//   topic            the row's destination; if that is empty, the event's own topic
//   payload          untouched
//   Content Type     as declared by the publisher (datacontenttype)
//   User Property    the attributes by their names, among them partitionkey if the row has a key of its own; then the publisher's, except
//                    those that would pass for attributes; of a bare row only these
//   Message Expiry   what is left of the publisher's, at least 1 s: what is kept is sent
//
// With MQTT 3.1.1 there is the payload, and nothing else.
//
// Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/cloud_event.h"

namespace sluice {

struct MqttMessage {
  std::string topic;
  std::string payload;
  bool retain = false;
  std::string content_type;
  std::vector<Property> properties;
  std::optional<std::chrono::seconds> expiry;
};

/// What the broker takes: told in CONNACK by MQTT 5, otherwise as MQTT itself has it.
struct MqttLimits {
  std::uint16_t receive_maximum = 65'535;  ///< Messages that may be unanswered.
  std::uint32_t max_packet = 268'435'455;  ///< Bytes.
  bool takes_retained = true;
};

/// `event` has been Set to `row`. `protocol_version`: 5, or 4 for 3.1.1.
MqttMessage MakeMqttMessage(const CloudEvent& event, const Row& row, int protocol_version, WallTime now);

/// Size of the PUBLISH packet with QoS 1, in bytes.
std::size_t PacketSize(const MqttMessage& message, int protocol_version);

/// Why the broker will never take it; empty if it may.
std::string WhyNever(const MqttMessage& message, int protocol_version, const MqttLimits& limits);

}  // namespace sluice
