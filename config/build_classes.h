// `classes`: what leaves first, and what may be given up when there is no room.
#pragma once

#include <optional>
#include <vector>

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

/// Leaves the default classes if the key is not there.
void ReadClasses(ObjectReader& root, std::vector<ClassConfig>& classes);

/// `ttl` of a class or a route: left as it is if the key is not there.
void ReadTtl(ObjectReader& reader, std::optional<Duration>& ttl);

}  // namespace sluice
