// Loads a configuration: the main file, then conf.d/*.json beside it in name order. Objects merge, arrays append; the same value twice is a
// mistake that names both places. Then rules.d/*.json, each an array of rules or { "rules": [...] }: they come after the other rules.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/json_text.h"
#include "config/references.h"

namespace sluice {

struct LoadedConfig {
  Config config;  ///< Usable only if there are no mistakes.
  std::vector<Mistake> mistakes;
  std::vector<Mistake> warnings;
};

/// kResolve for running, kCheckOnly where secrets are not at hand.
LoadedConfig LoadConfig(const std::string& path, ReferenceMode mode);

/// "file:line:column: /pointer: message"
std::string FormatMistake(const Mistake& mistake);

}  // namespace sluice
