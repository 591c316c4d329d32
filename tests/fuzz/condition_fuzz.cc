// A condition as somebody may write it, and values as sensors may send them: text, NUL, then for each input a byte of its kind and the
// value.
#include <cmath>

#include "fuzz_input.h"
#include "gateway/condition.h"
#include "gateway/condition_tree.h"

namespace sluice {
namespace {

constexpr int kRounds = 8;

FieldValue ValueFrom(FuzzInput& input) {
  using Kind = FieldValue::Kind;
  constexpr const char* kTexts[] = {"RUN", "79", "", "-1e308", "1e999", "nan", "%a_", "\xff\xfe", "[a-z]*"};
  constexpr double kNumbers[] = {0, 1, -1, 0.1, 81.5, 1e308, -1e308, 5e-324, 9007199254740993.0, 9.3e18, INFINITY, NAN};
  switch (input.Byte() % 4) {
    case 0:
      return {};
    case 1: {
      const double number = input.OneOf(kNumbers);
      return {Kind::kNumber, number, std::to_string(number)};
    }
    case 2:
      return {Kind::kText, 0, input.OneOf(kTexts)};
    default:
      return {Kind::kText, 0, input.Text()};
  }
}

void Judge(Condition& condition, FuzzInput& input) {
  std::vector<FieldValue> values(condition.inputs().size());
  for (FieldValue& value : values) value = ValueFrom(input);
  const Truth truth = condition.Evaluate(values);
  FieldValue value;
  condition.Evaluate(values, value);
  Demand(value.kind != FieldValue::Kind::kText, "a condition is a number", condition.sql());
  Demand((truth == Truth::kUnknown) == (value.kind == FieldValue::Kind::kNone), "what is not known has no value", condition.sql());
  Demand((truth == Truth::kTrue) == (value.kind == FieldValue::Kind::kNumber && value.number != 0), "what is true is not 0",
         condition.sql());
}

// How deep is too deep only SQLite knows, and only that it may say.
void DemandPrepared(const Result<Condition>& condition, const std::string& text) {
  if (condition) return;
  const std::string& message = condition.error().message;
  const bool is_deep = message.find("nested too deeply") != std::string::npos &&
                       (message.find("parser stack") != std::string::npos || message.find("depth") != std::string::npos);
  Demand(is_deep, "what is accepted is prepared, if it is not too deep", text + "\n" + message);
}

// As a value, which may be a text, in a rule.
void JudgeValue(ConditionEngine& engine, const std::string& text, FuzzInput& input) {
  const Result<ConditionNode> tree = ParseConditionTree(text, ConditionScope::kEvent);
  if (!tree) return;
  Result<ConditionSyntax> syntax = WriteCondition(text, *tree, ConditionSyntax::Type::kAny);
  if (!syntax) return;
  Result<Condition> condition = engine.Prepare(std::move(*syntax));
  DemandPrepared(condition, text);
  if (!condition) return;
  std::vector<FieldValue> values(condition->inputs().size());
  for (FieldValue& value : values) value = ValueFrom(input);
  FieldValue value;
  condition->Evaluate(values, value);
}

void Fuzz(FuzzInput input) {
  static ConditionEngine engine = std::move(*ConditionEngine::Open());
  const std::string text = input.Text();
  static_cast<void>(ParseConditionTree(text, ConditionScope::kStream));
  JudgeValue(engine, text, input);
  Result<ConditionSyntax> syntax = ParseCondition(text);
  if (!syntax) return Demand(!syntax.error().message.empty(), "a mistake has a message");
  for (const std::size_t place : syntax->places) Demand(place < text.size(), "an input has its place in the text", text);
  Demand(syntax->places.size() == syntax->inputs.size(), "each input has a place", text);
  for (const ConditionSyntax::Parameter& parameter : syntax->parameters)
    Demand(parameter.input < syntax->inputs.size(), "a parameter is an input", text);
  Result<Condition> condition = engine.Prepare(std::move(*syntax));
  DemandPrepared(condition, text);
  if (!condition) return;
  for (int round = 0; round < kRounds && (round == 0 || !input.IsEmpty()); ++round) Judge(*condition, input);
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::Fuzz({data, size});
  return 0;
}
