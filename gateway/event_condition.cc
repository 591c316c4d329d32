#include "gateway/event_condition.h"

#include <algorithm>
#include <utility>

#include "gateway/condition_tokens.h"

namespace sluice {

Result<EventCondition> EventCondition::Create(ConditionEngine& engine, const std::string& text, const TopicFilter& filter) {
  Result<Condition> compiled = engine.Compile(text);
  if (!compiled) return tl::unexpected<Error>(compiled.error());
  EventCondition result(text, std::move(*compiled));
  const std::vector<std::string>& inputs = result.condition_.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto wildcard = std::find(filter.names().begin(), filter.names().end(), inputs[i]);
    if (wildcard != filter.names().end()) {
      result.inputs_.push_back({static_cast<std::size_t>(wildcard - filter.names().begin()), 0});
      continue;
    }
    Result<FieldPath> path = FieldPath::Parse(inputs[i]);
    if (!path) return tl::unexpected<Error>(ConditionError(text, result.condition_.places()[i], "a field is written name, or outer.inner"));
    result.inputs_.push_back({std::nullopt, result.fields_.size()});
    result.fields_.push_back(std::move(*path));
  }
  result.values_.resize(inputs.size());
  return result;
}

bool EventCondition::IsTrue(const Captures& captures, PayloadFields& payload) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    FieldValue& value = values_[i];
    if (inputs_[i].wildcard) {
      value.kind = FieldValue::Kind::kText;
      value.text = captures.level[*inputs_[i].wildcard];
    } else {
      payload.Read(fields_[inputs_[i].field], value);
    }
  }
  return condition_.Evaluate(values_) == Truth::kTrue;
}

}  // namespace sluice
