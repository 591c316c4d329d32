// The configuration in force as JSON, defaults filled in, secrets masked.
#pragma once

#include <string>

#include "config/config.h"

namespace sluice {

std::string ShowConfig(const Config& config);

}  // namespace sluice
