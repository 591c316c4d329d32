#include "gateway/outbox_desk.h"

#include <algorithm>

namespace sluice {

const LaneState& OutboxDesk::LaneOf(LaneId id) const {
  return *std::find_if(lanes.begin(), lanes.end(), [&](const LaneState& lane) { return lane.id == id; });
}

const LaneState* OutboxDesk::FindLane(std::string_view name) const {
  const auto found = std::find_if(lanes.begin(), lanes.end(), [&](const LaneState& lane) { return NameOf(lane) == name; });
  return found == lanes.end() ? nullptr : &*found;
}

std::map<std::string, SinkType> SinkTypes(const Config& config) {
  std::map<std::string, SinkType> types;
  for (const SinkConfig& sink : config.sinks) types[sink.name] = sink.type;
  return types;
}

}  // namespace sluice
