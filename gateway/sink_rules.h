// What the kinds of sinks can take: names of destinations, headers, a bare payload. Sources: Apache Kafka,
// org.apache.kafka.common.internals.Topic; MQTT 5.0, section 4.7.3; Amazon Kinesis API reference, StreamName.
//
// Pure.
#pragma once

#include <cstddef>
#include <string>

#include "config/config.h"

namespace sluice {

struct SinkRules {
  const char* kind;             ///< "a Kafka sink"
  const char* destination_key;  ///< What a route calls the destination: "topic", "stream".
  std::size_t max_destination;  ///< In bytes; 0: any text will do.
  bool takes_bare;              ///< Envelope "none".
  bool takes_retain;
};
const SinkRules& RulesOf(SinkType type);
/// Kafka headers, MQTT 5 user properties.
bool TakesHeaders(const SinkConfig& sink);

/// Replaces by `_` what a destination of this kind cannot have. Why it still is none; empty if it is one.
std::string FitDestination(SinkType type, std::string& destination);

}  // namespace sluice
