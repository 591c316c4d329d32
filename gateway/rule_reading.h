// What one event, or what is kept of the last one, is to the expressions of a rule: the key, the values of variables, what names stand for.
//
// Pure. Thread: one at a time; the buffers are reused from event to event.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/alive_clock.h"
#include "gateway/event.h"
#include "gateway/field_value.h"
#include "gateway/payload_fields.h"
#include "gateway/rule_program.h"
#include "gateway/sample_window.h"
#include "gateway/topic.h"

namespace sluice {

/// An event, for a rule.
struct RuleEvent {
  const Event& event;
  const std::string& source;
  PayloadFields& payload;  ///< In use with the event's.
  RuleMoment moment;
  Seq seq = 0;  ///< That it has, or would have.
};

class RuleReading {
 public:
  /// The latest value of another feed for the key that is read; null if there is none, or it is stale.
  using Other = std::function<const FieldValue*(std::size_t feed, const RuleMoment& now)>;
  /// `program` outlives it.
  RuleReading(RuleProgram& program, Other other);

  /// Key and values of an event. False: a field that belongs to the key is not there.
  bool Read(std::size_t feed, std::size_t filter, const RuleEvent& event);
  /// Those of an earlier event of the rule's own.
  void Use(std::string_view key, std::string_view packed_values);

  /// The parts of the key that the feed has, with NULs between them.
  const std::string& key() const { return key_; }
  /// The same for another feed, which may have fewer parts. REQUIRES: the key is one of the rule's own.
  const std::string& KeyFor(std::size_t feed);
  /// The key's value for a name of RuleProgram::by.
  std::string_view part(std::size_t by) const { return parts_[by]; }
  const std::vector<FieldValue>& values() const { return values_; }
  /// An operand of the expression that was worked out last.
  const FieldValue& slot(std::size_t operand) const { return slots_[operand]; }
  /// Some variable has no value.
  bool IsLacking() const;

  /// As `Other` of the constructor.
  const FieldValue* other(std::size_t feed, const RuleMoment& now) const { return other_(feed, now); }
  /// `windows`: of the feed that was read; null: there are none.
  Truth IsTrue(RuleExpression& expression, const std::vector<SampleWindow>* windows, const RuleMoment& now);
  void Compute(RuleExpression& expression, const std::vector<SampleWindow>* windows, const RuleMoment& now, FieldValue& value);

 private:
  bool ReadKey(const RuleFeed& feed, const RuleFilter& filter, const Captures& captures, PayloadFields& payload);
  void ReadValues(const RuleFeed& feed, const RuleFilter& filter, const Captures& captures, const RuleEvent& event);
  void SplitKey(const RuleFeed& feed);
  void Fill(const RuleExpression& expression, const std::vector<SampleWindow>* windows, const RuleMoment& now);
  void Fill(const RuleOperand& operand, const std::vector<SampleWindow>* windows, const RuleMoment& now, FieldValue& slot) const;

  RuleProgram& program_;
  const Other other_;
  std::string key_;
  FieldValue key_field_;
  std::vector<std::string_view> parts_;  // Of key_.
  std::vector<FieldValue> values_;
  std::vector<FieldValue> slots_;  // Of an expression.
  std::string other_key_;
};

}  // namespace sluice
