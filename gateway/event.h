// The plain values that walk through Sluice: an Event as a source received it, and the Rows that the outbox keeps of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// Wall time, UTC, nanoseconds since 1970-01-01.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
/// Time for timers and delays; never goes back.
using MonotonicTime = std::chrono::steady_clock::time_point;

/// Position of an event in an outbox file: strictly increasing, never reused. 0 means "none".
using Seq = std::uint64_t;

/// A property that travels with a message (MQTT 5 user property, Kafka header).
struct Property {
  std::string name;
  std::string value;
  bool operator==(const Property&) const = default;
};

/// Why a message was not let into a lane. Each is counted in the ledger under its name.
enum class Refusal : std::uint8_t {
  kNone,
  kTooLarge,  ///< Over the source's max_payload.
  kRetained,  ///< A retained copy, and the source says to skip them.
};

/// One message as a source received it. `payload` is never looked into on the way.
struct Event {
  std::string topic;
  std::string payload;
  std::string content_type;                    ///< As declared by the publisher; may be empty.
  std::vector<Property> properties;            ///< In the publisher's order.
  std::optional<std::chrono::seconds> expiry;  ///< The publisher's time to live, counted from `received`.
  WallTime received;
  std::uint8_t qos = 0;
  bool retained = false;
  bool duplicate = false;            ///< The sender marked it as a redelivery. Proves nothing.
  Refusal refusal = Refusal::kNone;  ///< Not kNone: the payload was discarded, the event is only counted.
};

/// An event as one lane of the outbox keeps it. Fixed at ingest: a later change of the configuration does not touch it.
struct Row {
  Seq seq = 0;
  Seq previous = 0;                ///< Seq of the row before it in the same lane; lets a consumer prove completeness.
  std::string source;              ///< Name of the source.
  std::string destination;         ///< Sink-specific: Kafka topic; MQTT topic, empty: the event's own; for a file, free text.
  std::optional<std::string> key;  ///< Ordering key; none means: the topic is the key.
  bool retain = false;             ///< MQTT sink: published with the retain flag.
  bool bare = false;               ///< Sent without CloudEvents attributes.
  Event event;

  const std::string& Key() const { return key ? *key : event.topic; }
};

/// Number of a lane within an outbox file.
using LaneId = std::uint32_t;

/// What a row costs against the limits on memory and space, in bytes. An estimate of its size on disk.
inline std::size_t Footprint(const Row& row) {
  constexpr std::size_t kFixed = 64;
  std::size_t properties = 0;
  for (const Property& p : row.event.properties) properties += p.name.size() + p.value.size();
  return kFixed + row.destination.size() + (row.key ? row.key->size() : 0) + row.event.topic.size() + row.event.payload.size() +
         row.event.content_type.size() + properties;
}

}  // namespace sluice
