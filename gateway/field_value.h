// What an input of a condition is for one event: a field of its payload, a level of its topic.
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct FieldValue {
  enum class Kind {
    kNone,  ///< Not there, null, an object, an array.
    kNumber,
    kText,
  };
  Kind kind = Kind::kNone;
  double number = 0;  ///< kNumber; true is 1, false is 0. One that is not finite counts as kNone.
  std::string text;   ///< As it stands in the payload, strings unescaped; of numbers too.
};

/// The number that a text is, if it is one and nothing else.
std::optional<double> NumberOf(std::string_view text);
/// That of a value, which may be a text.
std::optional<double> NumberOf(const FieldValue& value);

}  // namespace sluice
