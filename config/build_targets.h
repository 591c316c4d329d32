// Where a route sends events, and what goes with them: `to`, `unrouted`, and the defaults that stand at the route.
#pragma once

#include <vector>

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

/// The name of a sink, or sinks with what each is to get, under `key`.
void ReadTargets(ObjectReader& route, const char* key, const Config& config, std::vector<RouteTarget>& targets);
/// `headers` and `envelope` of a route.
void ReadTargetDefaults(ObjectReader& reader, RouteConfig& route);

/// Tells what the sinks have no use for. `key`: where the targets stand. False if a mistake was told, now or before.
bool CheckTargets(ObjectReader& reader, const char* key, const Config& config, const RouteConfig& route);

}  // namespace sluice
