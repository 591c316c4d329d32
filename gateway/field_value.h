// What an input of a condition is for one event: a field of its payload, a level of its topic.
//
// Pure.
#pragma once

#include <string>

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

}  // namespace sluice
