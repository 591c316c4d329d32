// The words of a condition (gateway/condition_syntax.h), each with its place.
//
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gateway/result.h"

namespace sluice {

struct ConditionToken {
  enum class Kind {
    kEnd,
    kNumber,    ///< 80, 1.5e3
    kDuration,  ///< 30s, 1h30m
    kString,    ///< 'RUN', with '' for a quote; `text` is without quotes.
    kName,      ///< A path (temp, meta.site), or "any text" for names that are no words; `text` is without quotes.
    kWord,      ///< AND, NULL, ...: in capitals, whatever the case it is written in.
    kSign,      ///< ( ) , + - * / % || = == <> != < <= > >=
  };
  Kind kind = Kind::kEnd;
  std::string text;
  std::size_t at = 0;   ///< The first character's place in the condition, from 0.
  std::size_t end = 0;  ///< The place behind the last one.
};

/// Ends with kEnd. kInvalid: a character that begins nothing, a string or a name that does not end, a number that is none.
Result<std::vector<ConditionToken>> TokenizeCondition(const std::string& text);

/// "<what>, at character N: <the line with a caret below the place>". For every mistake in a condition.
Error ConditionError(const std::string& text, std::size_t at, const std::string& what);

}  // namespace sluice
