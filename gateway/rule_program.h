// A rule as it is run: the filters of its events, what is read of these, and its expressions, compiled.
//
// A rule looks at one or several feeds: the events of its own `match` are the first, then come those of each input with a `match` of its
// own. Expressions are conditions (gateway/condition_syntax.h) that also know
//
//   avg(temp, 30s) count(5m) ...   windows over a feed (gateway/sample_window.h); what they are over is an expression of one event
//   t_avg                          an input of the rule: its expression stands in its place; or, of another feed, its latest value
//   time() hour() day_of_week()    the time of receipt, or that at which the rule is looked at again
//   site                           a name of `by`, or another named wildcard of `match`; all else is a field of the payload
//
// Pure. Const once made, but for the statements in the expressions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/alert_state.h"
#include "gateway/condition.h"
#include "gateway/payload_fields.h"
#include "gateway/rule_mistakes.h"
#include "gateway/sample_window.h"
#include "gateway/template.h"
#include "gateway/topic.h"

namespace sluice {

/// Something that is read of each event of a feed.
struct RuleVariable {
  enum class Kind { kField, kLevel, kTopic, kSource };
  Kind kind;
  std::string name;
  FieldPath path;  ///< kField
};

/// What stands for a name of an expression.
struct RuleOperand {
  enum class Kind {
    kVariable,  ///< `index` in RuleFeed::variables.
    kKey,       ///< in RuleProgram::by.
    kWindow,    ///< in RuleFeed::windows.
    kOther,     ///< in RuleProgram::feeds: the latest value of that feed.
    kTime,      ///< a TimePart
  };
  Kind kind;
  std::size_t index = 0;
  WindowFunction function{};    ///< kWindow
  std::size_t min_samples = 0;  ///< kWindow

  bool operator==(const RuleOperand&) const = default;
};

struct RuleExpression {
  Condition condition;
  std::vector<RuleOperand> operands;  ///< One for each input of the condition.

  bool Has(RuleOperand::Kind kind) const;
  /// It is one operand as it is.
  bool IsPlain() const;
};

struct RuleWindow {
  std::optional<std::size_t> variable;  ///< What it is over is one variable as it is,
  std::optional<RuleExpression> of;     ///< or an expression.
  std::string text;                     ///< To tell windows apart.
  Duration duration{0};
};

struct RuleFilter {
  static constexpr std::size_t kNoLevel = SIZE_MAX;

  TopicFilter filter;
  std::vector<std::size_t> key_levels;  ///< For each name of RuleFeed::by, its place among the captures; kNoLevel: a field.
  std::vector<std::size_t> levels;      ///< Likewise for each variable.
};

struct RuleFeed {
  std::vector<RuleFilter> filters;
  std::vector<std::size_t> by;        ///< The names that its events have, of RuleProgram::by.
  std::vector<FieldPath> key_fields;  ///< One for each of `by`; of a level without names.
  std::vector<RuleVariable> variables;
  std::vector<RuleWindow> windows;
  std::optional<RuleExpression> value;  ///< Not of the rule's own.
  std::optional<Duration> stale_after;
};

struct RuleInput {
  std::string name;
  std::optional<RuleExpression> value;  ///< Of the rule's own feed,
  std::size_t feed = 0;                 ///< or of another one.
};

struct RuleProgram {
  /// Numbers of names in templates; behind these come `by`, the inputs, and the variables of the first feed.
  enum Name : std::size_t { kValue, kSince, kFirst };
  struct Text {
    std::string name;
    Template text;
  };

  RuleConfig config;
  std::uint64_t hash = 0;  ///< Of what its state depends on.
  std::vector<std::string> by;
  std::vector<RuleFeed> feeds;
  std::vector<RuleInput> inputs;
  std::optional<RuleExpression> when;
  std::optional<RuleExpression> clear_when;
  std::optional<RuleExpression> value;    ///< What the alert tells as its value: the first thing that `when` looks at.
  std::optional<std::size_t> value_slot;  ///< The operand of `when` that is this value, if one is.
  std::vector<Text> labels;               ///< In the order of their names, as annotations.
  std::vector<Text> annotations;
  AlertState::Times times;
  bool is_event_bound = false;  ///< Its conditions look at the event itself, so that other feeds alone cannot decide.
  bool is_time_bound = false;   ///< They may change without an event, by the time.
  bool keeps_values = false;    ///< What was read of the last event is needed later.
};

/// Nothing after a mistake; warnings are among `mistakes` too.
std::optional<RuleProgram> CompileRule(ConditionEngine& engine, const GatewayConfig& gateway, const RuleConfig& rule,
                                       std::vector<RuleMistake>& mistakes);

}  // namespace sluice
