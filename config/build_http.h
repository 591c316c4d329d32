// The `http` object.
#pragma once

#include <optional>

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

/// Leaves `http` empty if the configuration has none.
void ReadHttp(ObjectReader& root, std::optional<HttpConfig>& http);

}  // namespace sluice
