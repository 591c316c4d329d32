// The command "rules" of the daemon: a line for each rule.
//
//   alert, keys, pending, firing, last_key, last_value, cost_us, and the counts of gateway/rule.h
//
// Loop thread.
#pragma once

#include <functional>
#include <vector>

#include "gateway/control_commands.h"
#include "gateway/rules.h"

namespace sluice {

ControlHandler RulesHandler(std::function<std::vector<RuleStatus>()> rules);

}  // namespace sluice
