#include "gateway/rule_reading.h"

#include <algorithm>

#include "gateway/condition_tree.h"
#include "gateway/rule_memory.h"

namespace sluice {
namespace {

constexpr char kBetween = '\0';  // No topic has one, and no text of a field.

void SetText(std::string_view text, FieldValue& value) {
  value.kind = FieldValue::Kind::kText;
  value.text = text;
}

double NumberOf(TimePart part, WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  switch (part) {
    case TimePart::kTime:
      return duration<double>(time.time_since_epoch()).count();
    case TimePart::kMinute:
      return static_cast<double>(clock.minutes().count());
    case TimePart::kHour:
      return static_cast<double>(clock.hours().count());
    case TimePart::kDayOfWeek:
      return weekday(day).c_encoding();
    case TimePart::kDayOfMonth:
      return static_cast<unsigned>(date.day());
    case TimePart::kMonth:
      return static_cast<unsigned>(date.month());
  }
  return 0;
}

}  // namespace

RuleReading::RuleReading(RuleProgram& program, Other other) : program_(program), other_(std::move(other)), parts_(program.by.size()) {}

bool RuleReading::Read(std::size_t feed, std::size_t filter, const RuleEvent& event) {
  const RuleFeed& of = program_.feeds[feed];
  const RuleFilter& by = of.filters[filter];
  Captures captures;
  by.filter.Matches(event.event.topic, captures);
  if (!ReadKey(of, by, captures, event.payload)) return false;
  ReadValues(of, by, captures, event);
  return true;
}

bool RuleReading::ReadKey(const RuleFeed& feed, const RuleFilter& filter, const Captures& captures, PayloadFields& payload) {
  key_.clear();
  for (std::size_t i = 0; i < feed.by.size(); ++i) {
    if (i > 0) key_ += kBetween;
    if (filter.key_levels[i] != RuleFilter::kNoLevel) {
      key_ += captures.level[filter.key_levels[i]];
    } else {
      payload.Read(feed.key_fields[i], key_field_);
      if (key_field_.kind == FieldValue::Kind::kNone) return false;
      key_ += key_field_.text;
    }
  }
  SplitKey(feed);
  return true;
}

void RuleReading::SplitKey(const RuleFeed& feed) {
  std::string_view rest = key_;
  for (const std::size_t by : feed.by) {
    const std::size_t end = std::min(rest.find(kBetween), rest.size());
    parts_[by] = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void RuleReading::ReadValues(const RuleFeed& feed, const RuleFilter& filter, const Captures& captures, const RuleEvent& event) {
  using Kind = RuleVariable::Kind;
  values_.resize(feed.variables.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const RuleVariable& variable = feed.variables[i];
    if (variable.kind == Kind::kField) event.payload.Read(variable.path, values_[i]);
    if (variable.kind == Kind::kLevel) SetText(captures.level[filter.levels[i]], values_[i]);
    if (variable.kind == Kind::kTopic) SetText(event.event.topic, values_[i]);
    if (variable.kind == Kind::kSource) SetText(event.source, values_[i]);
  }
}

void RuleReading::Use(std::string_view key, std::string_view packed_values) {
  key_ = key;
  SplitKey(program_.feeds[0]);
  values_.resize(program_.feeds[0].variables.size());
  UnpackValues(packed_values, values_);
}

const std::string& RuleReading::KeyFor(std::size_t feed) {
  other_key_.clear();
  for (const std::size_t by : program_.feeds[feed].by) {
    if (by != program_.feeds[feed].by.front()) other_key_ += kBetween;
    other_key_ += parts_[by];
  }
  return other_key_;
}

bool RuleReading::IsLacking() const {
  return std::any_of(values_.begin(), values_.end(), [](const FieldValue& value) { return value.kind == FieldValue::Kind::kNone; });
}

Truth RuleReading::IsTrue(RuleExpression& expression, const std::vector<SampleWindow>* windows, const RuleMoment& now) {
  Fill(expression, windows, now);
  return expression.condition.Evaluate(slots_);
}

void RuleReading::Compute(RuleExpression& expression, const std::vector<SampleWindow>* windows, const RuleMoment& now, FieldValue& value) {
  Fill(expression, windows, now);
  expression.condition.Evaluate(slots_, value);
}

void RuleReading::Fill(const RuleExpression& expression, const std::vector<SampleWindow>* windows, const RuleMoment& now) {
  if (slots_.size() < expression.operands.size()) slots_.resize(expression.operands.size());
  for (std::size_t i = 0; i < expression.operands.size(); ++i) Fill(expression.operands[i], windows, now, slots_[i]);
}

void RuleReading::Fill(const RuleOperand& operand, const std::vector<SampleWindow>* windows, const RuleMoment& now,
                       FieldValue& slot) const {
  using Kind = RuleOperand::Kind;
  slot.kind = FieldValue::Kind::kNone;
  if (operand.kind == Kind::kVariable) {
    slot = values_[operand.index];
  } else if (operand.kind == Kind::kKey) {
    SetText(parts_[operand.index], slot);
  } else if (operand.kind == Kind::kTime) {
    slot.kind = FieldValue::Kind::kNumber;
    slot.number = NumberOf(static_cast<TimePart>(operand.index), now.wall);
  } else if (operand.kind == Kind::kOther) {
    const FieldValue* value = other_(operand.index, now);
    if (value != nullptr) slot = *value;
  } else if (windows != nullptr) {
    const std::optional<double> value = (*windows)[operand.index].Value(operand.function, now.elapsed, operand.min_samples);
    if (!value) return;
    slot.kind = FieldValue::Kind::kNumber;
    slot.number = *value;
    slot.text.clear();  // A window stands where a number does.
  }
}

}  // namespace sluice
