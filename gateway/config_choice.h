// Which configuration to run: the one in the files, or the last good one if that is broken.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/last_good.h"
#include "config/reading.h"
#include "gateway/cli.h"

namespace sluice {

/// What to run, and where it comes from.
struct ConfigChoice {
  ConfigReading reading;
  std::string problem;  ///< Why it is not what stands in the files; empty: it is.
};

/// Nothing: there is no directory for it.
std::optional<LastGood> LastGoodOf(const Command& command);

/// What may be run, the best first; without mistakes. Those of the files go to stderr. Blocks on the disk.
std::vector<ConfigChoice> ConfigChoices(const Command& command, const std::optional<LastGood>& last_good);

}  // namespace sluice
