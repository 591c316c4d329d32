// What the commands that look into the outbox, or change it, work with; in a daemon, or on the file alone (gateway/offline.h).
//
// Loop thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/cloud_event.h"
#include "gateway/ports.h"
#include "gateway/reentry.h"
#include "gateway/result.h"

namespace sluice {

struct OutboxDesk {
  EventStore& store;
  Reentry& reentry;
  const WallClock& wall_clock;
  std::vector<LaneState> lanes;           ///< All of the outbox. Only their names are used.
  std::map<std::string, SinkType> sinks;  ///< Those that are configured, by name.
  Identity identity;
  Bytes max_bytes = 0;
  /// A row as a CloudEvent in JSON.
  std::function<std::string(const Row&)> event_json;

  /// REQUIRES: it is one of the outbox.
  const LaneState& LaneOf(LaneId id) const;
  /// The lane "SINK/CLASS"; null if there is none.
  const LaneState* FindLane(std::string_view name) const;
  /// Its sink is not configured any more: nobody will deliver what it holds.
  bool IsOrphaned(const LaneState& lane) const { return !sinks.contains(lane.sink); }
};

inline std::string NameOf(const LaneState& lane) {
  return lane.sink + "/" + lane.lane_class;
}

/// Why a command ends: for whoever asked.
inline std::string CannotNow(const Error& error) {
  return "the outbox cannot do it now: " + error.message;
}

/// By name.
std::map<std::string, SinkType> SinkTypes(const Config& config);

}  // namespace sluice
