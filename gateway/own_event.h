// Events of the gateway itself: JSON on topics of its own, which no source can create and which `#` and `+` do not match.
#pragma once

#include <string>
#include <string_view>

#include "gateway/event.h"
#include "gateway/ports.h"

namespace sluice {

/// What they bear as their source. No source of the configuration can: its name has no `$`.
inline const std::string kOwnSource = "$sluice";

constexpr std::string_view kGapsTopic = "$sluice/gaps";
constexpr std::string_view kStatusTopic = "$sluice/status";

inline Event MakeOwnEvent(std::string_view topic, std::string json, const ClockReading& now) {
  Event event;
  event.topic = topic;
  event.payload = std::move(json);
  event.content_type = "application/json";
  event.received = now.wall;
  event.since_boot = now.boot.since_boot;
  event.qos = 1;
  return event;
}

}  // namespace sluice
