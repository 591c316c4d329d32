#include "config/build_rules.h"

#include <algorithm>

#include "config/build_rule.h"
#include "config/json_spot.h"

namespace sluice {
namespace {

// Templates leave references as they are (gateway/template.h); the rest cannot be judged while some of it is not known.
bool CanBeJudged(const RuleConfig& rule, const Findings& findings) {
  if (rule.when.empty() && !rule.absent_for) return false;  // It refers to how long.
  std::vector<std::string> texts = {rule.alert, rule.when, rule.clear_when};
  texts.insert(texts.end(), rule.match.begin(), rule.match.end());
  if (rule.by) texts.insert(texts.end(), rule.by->begin(), rule.by->end());
  for (const RuleInputConfig& input : rule.inputs) {
    texts.push_back(input.value);
    texts.insert(texts.end(), input.match.begin(), input.match.end());
  }
  return std::none_of(texts.begin(), texts.end(), [&](const std::string& text) { return findings.IsUnknown(text); });
}

}  // namespace

void TellRuleMistakes(const JsonNode& rule, const std::string& pointer, const std::vector<RuleMistake>& mistakes, Findings& findings) {
  for (const RuleMistake& mistake : mistakes) {
    const Spot spot = Locate(rule, pointer, mistake.pointer);
    (mistake.is_warning ? findings.warnings : findings.mistakes).push_back({spot.place, spot.pointer, mistake.message, {}});
  }
}

void ReadRules(ObjectReader& root, Config& config) {
  Findings& findings = root.findings();
  root.Items("rules", [&](const JsonNode& item, const std::string& pointer) {
    const std::size_t mistakes = findings.mistakes.size();
    RuleConfig rule = BuildRule(item, pointer, config.rules, findings);
    const bool good = findings.mistakes.size() == mistakes;
    if (good && CanBeJudged(rule, findings)) TellRuleMistakes(item, pointer, FindRuleMistakes(config, rule), findings);
    config.rules.push_back(std::move(rule));
  });
}

}  // namespace sluice
