// What differs between two configurations, for a human: by JSON pointer, secrets masked.
//
// Sources, sinks and classes, routes and rules are told apart by their names, so that a new route in front does not make all others seem
// different. That they stand in another order is a difference of its own.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {

struct ConfigChange {
  std::string pointer;  ///< As in "/routes/telemetry/class".
  std::string before;   ///< JSON; empty: it was not there.
  std::string after;    ///< JSON; empty: it is not there any more.
};

/// In the order of the pointers. A secret that has changed is "***" before and after.
std::vector<ConfigChange> Differences(const Config& from, const Config& to);

/// "+ pointer: after", "- pointer: before" or "~ pointer: before -> after".
std::string FormatChange(const ConfigChange& change);

}  // namespace sluice
