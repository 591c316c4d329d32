// `rules`: local alerts.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/reader.h"
#include "gateway/rule_mistakes.h"

namespace sluice {

/// REQUIRES: the other keys are read already; rules refer to labels and sources.
void ReadRules(ObjectReader& root, Config& config);

/// Notes what is wrong with the rule that was read from `rule`, each at the value it speaks of, or at what that value is a part of.
void TellRuleMistakes(const JsonNode& rule, const std::string& pointer, const std::vector<RuleMistake>& mistakes, Findings& findings);

}  // namespace sluice
