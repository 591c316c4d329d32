// One entry of `rules`.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

/// Checks what needs no look into expressions and templates. `before`: the rules that were read already.
RuleConfig BuildRule(const JsonNode& node, const std::string& pointer, const std::vector<RuleConfig>& before, Findings& findings);

}  // namespace sluice
