#include "gateway/rule_mistakes.h"

#include "gateway/condition.h"
#include "gateway/rule_program.h"

namespace sluice {

std::vector<RuleMistake> FindRuleMistakes(const Config& config, const RuleConfig& rule) {
  std::vector<RuleMistake> mistakes;
  Result<ConditionEngine> engine = ConditionEngine::Open();
  if (!engine) return {{"", engine.error().message, false}};
  (void)CompileRule(*engine, config.gateway, rule, mistakes);
  return mistakes;
}

}  // namespace sluice
