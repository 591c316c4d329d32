// Mistakes in what a route publishes by MQTT: topics with a wildcard, and messages that would come back into a source of ours.
//
// They come back if a source subscribes, at the same broker, to a topic that is published. Where the topic holds names it is known only in
// part: each stands for any one level, `{topic}` for any number of them.
//
// Pure.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {

struct TargetFinding {
  bool is_certain = false;  ///< Otherwise it depends on what the names stand for.
  std::string message;
};

/// `match`: the filters of the route, all valid.
std::vector<TargetFinding> CheckMqttTargets(const Config& config, const std::vector<std::string>& match,
                                            const std::vector<RouteTarget>& to);

}  // namespace sluice
