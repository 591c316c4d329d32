#include "gateway/rules_task.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/json_text.h"

namespace sluice {
namespace {

nlohmann::ordered_json ValueJson(const FieldValue& value) {
  if (value.kind == FieldValue::Kind::kNumber) return value.number;
  if (value.kind == FieldValue::Kind::kText) return value.text;
  return nullptr;
}

nlohmann::ordered_json RuleJson(const RuleStatus& rule) {
  const RuleCounts& counts = rule.counts;
  return {{"alert", rule.alert},
          {"keys", rule.keys},
          {"pending", rule.pending},
          {"firing", rule.firing},
          {"last_key", rule.last_key},
          {"last_value", ValueJson(rule.last_value)},
          {"cost_us", rule.cost_us},
          {"events", counts.events},
          {"evaluations", counts.evaluations},
          {"fired", counts.fired},
          {"resolved", counts.resolved},
          {"missing", counts.missing},
          {"type_errors", counts.type_errors},
          {"undecodable", counts.undecodable},
          {"retained", counts.retained},
          {"forgotten", counts.forgotten},
          {"suppressed", counts.suppressed},
          {"overflows", counts.overflows}};
}

class RulesTask : public ControlTask {
 public:
  RulesTask(std::vector<RuleStatus> rules, ControlAnswer& answer) : rules_(std::move(rules)), answer_(answer) {}

  void Next() override {
    if (std::exchange(sent_, true)) return answer_.End();
    std::string lines;
    for (const RuleStatus& rule : rules_) lines += JsonLine(RuleJson(rule));
    answer_.Send(std::move(lines));
  }

 private:
  const std::vector<RuleStatus> rules_;
  ControlAnswer& answer_;
  bool sent_ = false;
};

}  // namespace

ControlHandler RulesHandler(std::function<std::vector<RuleStatus>()> rules) {
  return [rules = std::move(rules)](const nlohmann::json&, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
    return std::make_unique<RulesTask>(rules(), answer);
  };
}

}  // namespace sluice
