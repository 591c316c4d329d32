// A condition (gateway/condition_syntax.h) on one event. An input is a named wildcard of the filter that took the event, as a text, or else
// a field of its payload.
//
// Pure. Thread: one at a time; the buffers are reused from event to event.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/condition.h"
#include "gateway/field_value.h"
#include "gateway/payload_fields.h"
#include "gateway/result.h"
#include "gateway/topic.h"

namespace sluice {

class EventCondition {
 public:
  /// kInvalid names the character.
  static Result<EventCondition> Create(ConditionEngine& engine, const std::string& text, const TopicFilter& filter);

  /// `captures`: of that filter. `payload`: in use with the event's. Unknown, as with a field that is not there, is not true.
  bool IsTrue(const Captures& captures, PayloadFields& payload);
  /// The fields of the payload that it looks at.
  const std::vector<FieldPath>& fields() const { return fields_; }
  const std::string& text() const { return text_; }

 private:
  struct Input {
    std::optional<std::size_t> wildcard;
    std::size_t field = 0;  // In fields_, if it is no wildcard.
  };
  EventCondition(std::string text, Condition condition) : text_(std::move(text)), condition_(std::move(condition)) {}

  std::string text_;
  Condition condition_;
  std::vector<Input> inputs_;
  std::vector<FieldPath> fields_;
  std::vector<FieldValue> values_;
};

}  // namespace sluice
