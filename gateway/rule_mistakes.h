// What is wrong with a rule as it is configured, for `sluice check`.
//
// Pure.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {

struct RuleMistake {
  std::string pointer;  ///< The place within the rule: "when", "inputs/t_avg", "inputs/inlet/value", "labels/severity"; empty: the whole.
  std::string message;
  bool is_warning = false;
};

/// All there are. `gateway`: for names in templates.
std::vector<RuleMistake> FindRuleMistakes(const Config& config, const RuleConfig& rule);

}  // namespace sluice
