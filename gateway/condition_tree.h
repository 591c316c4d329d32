// A condition as a tree (gateway/condition_syntax.h has its language).
//
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/condition_syntax.h"
#include "gateway/result.h"

namespace sluice {

struct ConditionFunction {
  static constexpr std::size_t kMany = 20;
  using Type = ConditionSyntax::Type;

  std::string_view name;
  std::size_t least;  ///< Arguments.
  std::size_t most;
  std::array<Type, 3> takes;  ///< Arguments behind the third are like the third.
  Type gives;                 ///< kAny: what its arguments are.
};
/// Null if there is none of that name.
const ConditionFunction* FindConditionFunction(std::string_view name);

/// A part of a condition. The operator, the name of the function or the value is `text`; what it works on are `parts`.
struct ConditionNode {
  enum class What {
    kNumber,
    kString,
    kNull,
    kInput,
    kLogic,    ///< AND OR NOT
    kCompare,  ///< = <> < <= > >= IS, IS NOT
    kNumeric,  ///< + - * / %, with one part or two
    kJoin,     ///< ||
    kPattern,  ///< LIKE GLOB; the third part is that of ESCAPE
    kBetween,
    kIn,
    kIsNull,  ///< ISNULL NOTNULL
    kCase,    ///< WHEN, THEN, WHEN, THEN, ..., and ELSE if their number is odd
    kCall,
    kWindow,  ///< Function over the numbers of a part; its `duration` says how long. Of rules only.
  };
  What what;
  std::string text;
  std::size_t at;  ///< Place in the condition.
  std::vector<ConditionNode> parts;
  Duration duration{0};
};

/// What a condition may look at.
enum class ConditionScope {
  kEvent,   ///< One event.
  kStream,  ///< Earlier ones too, and the time: there are windows, and time() and its parts.
};

/// Prometheus' functions of the time, all UTC: seconds since 1970, and parts of a date; Sunday is day 0 of a week.
enum class TimePart : std::uint8_t { kTime, kMinute, kHour, kDayOfWeek, kDayOfMonth, kMonth };
/// Their calls are inputs of names that no configuration can have: this, and the number of the part.
constexpr char kTimeMark = '\x03';

/// kInvalid names the first mistake and its character.
Result<ConditionNode> ParseConditionTree(const std::string& text, ConditionScope scope);

}  // namespace sluice
