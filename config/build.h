// The JSON tree of a configuration becomes the typed Config; every mistake is noted.
#pragma once

#include "config/config.h"
#include "config/json_text.h"
#include "config/reader.h"

namespace sluice {

Config BuildConfig(const JsonNode& root, Findings& findings);

}  // namespace sluice
