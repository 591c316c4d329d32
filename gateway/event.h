// The plain values that walk through Sluice: an Event as a source received it, and the Rows that the outbox keeps of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace sluice {

/// Wall time, UTC, nanoseconds since 1970-01-01.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
/// Time for timers and delays; never goes back.
using MonotonicTime = std::chrono::steady_clock::time_point;

/// Position of an event in an outbox file: strictly increasing, never reused. 0 means "none".
using Seq = std::uint64_t;
/// Above every seq.
constexpr Seq kNoSeq = INT64_MAX;

/// A property that travels with a message (MQTT 5 user property, Kafka header).
struct Property {
  std::string name;
  std::string value;
  bool operator==(const Property&) const = default;
};

/// Why a message was not let into a lane. Each is counted in the ledger under its name; a duplicate is not among the refused there.
enum class Refusal : std::uint8_t {
  kNone,
  kTooLarge,   ///< Over the source's max_payload.
  kRetained,   ///< A retained copy, and the source says to skip them.
  kReserved,   ///< Its topic is one of the gateway's own, `$sluice/...`.
  kDuplicate,  ///< Sent again by the broker, and proved to be a copy of an event that was handed before.
};

/// Topics of what the gateway itself publishes. No source can create them.
inline bool IsOwnTopic(std::string_view topic) {
  return topic.starts_with("$sluice/");
}

/// One message as a source received it. `payload` is never looked into on the way.
struct Event {
  std::string topic;
  std::string payload;
  std::string content_type;                    ///< As declared by the publisher; may be empty.
  std::vector<Property> properties;            ///< In the publisher's order.
  std::optional<std::chrono::seconds> expiry;  ///< The publisher's time to live, counted from `received`.
  WallTime received;                           ///< As the clock said, right or not.
  std::chrono::nanoseconds since_boot{0};      ///< The same moment on the clock of the boot. Not stored: see Row::unsynchronized.
  std::uint8_t qos = 0;
  PayloadFormat format = PayloadFormat::kJson;  ///< How to read the payload, if somebody does. Not stored.
  bool retained = false;
  bool duplicate = false;            ///< The broker marked it as sent before. Proves nothing; sinks mark it, too.
  Refusal refusal = Refusal::kNone;  ///< Not kNone: the payload was discarded, the event is only counted.
};

/// Milliseconds that the box is known to have lived since its outbox was made (gateway/running_time.h): what a time to live counts.
using RunningTime = std::chrono::milliseconds;

/// Milliseconds that the daemon has run on its outbox, over all its lives: the clock of the rules. While it does not run this stands still,
/// so that nobody is held silent, and nothing true, for a time that nobody has looked at.
using AliveTime = std::chrono::milliseconds;
constexpr AliveTime kNeverAlive = AliveTime::max();

/// A moment on the clock of one boot of the box, for events that came while the wall clock was not known to be right.
struct BootTime {
  std::uint64_t boot = 0;                  ///< Stands for the boot id.
  std::chrono::nanoseconds since_boot{0};  ///< Sleep included. Of a row: whole milliseconds.
  bool operator==(const BootTime&) const = default;
};

/// What is known of Event::received.
enum class TimeQuality : std::uint8_t {
  kSynchronized,    ///< The clock was set by a time service.
  kCorrected,       ///< It was set later in the same boot, and the time reckoned back.
  kUnsynchronized,  ///< It may be wrong.
};

/// An event as one lane of the outbox keeps it. Fixed at ingest: a later change of the configuration does not touch it.
struct Row {
  Seq seq = 0;
  Seq previous = 0;                        ///< Seq of the row before it in the same lane; lets a consumer prove completeness.
  std::string source;                      ///< Name of the source.
  std::string destination;                 ///< Sink-specific: Kafka topic; MQTT topic, empty: the event's own; for a file, free text.
  std::optional<std::string> key;          ///< Ordering key; none means: the topic is the key.
  std::optional<RunningTime> deadline;     ///< Not to be sent after this; none: never too old.
  std::optional<BootTime> unsynchronized;  ///< When it was received, if the wall clock was not known to be right then.
  TimeQuality time_quality = TimeQuality::kSynchronized;  ///< As far as it is known now; not stored.
  bool retain = false;                                    ///< MQTT sink: published with the retain flag.
  bool bare = false;                                      ///< Sent without CloudEvents attributes.
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
