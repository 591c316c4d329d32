// Conditions: SQL expressions over inputs, parsed by us and worked out by SQLite (gateway/condition.h).
//
//   temp > 80 AND state = 'RUN'        t_avg - "outer temp" BETWEEN 2 AND 5        door IS NULL OR meta.site IN ('graz', 'linz')
//
// What there is
//   values     numbers, 'strings', NULL, TRUE, FALSE; inputs: temp, meta.site, "any name"
//   operators  OR, AND, NOT, = == <> != IS [NOT], < <= > >=, [NOT] IN, BETWEEN, LIKE [ESCAPE], GLOB, IS[ ]NULL, NOT[ ]NULL, + - * / %, ||,
//              binding as in SQLite; CASE; parentheses
//   functions  of numbers abs ceil exp floor ln max min pow round sign sqrt, of texts instr length lower substr trim upper, of both
//              coalesce ifnull nullif
//
// Types. SQL compares anything with anything, and any text is more than any number: a sensor that sends "ERR" would be hotter than 80. Here
// an input has the type of its place: where a number has to stand (beside a number, in arithmetic) it is a number or NULL, where a text has
// to stand it is a text or NULL. Where two inputs are compared both have to be of one type, else the comparison is NULL. All numbers are
// floating-point: 5/2 is 2.5.
//
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gateway/result.h"

namespace sluice {

struct ConditionSyntax {
  enum class Type { kAny, kNumber, kText };
  /// What is bound to a parameter of `sql`: an input, as what its place wants.
  struct Parameter {
    std::size_t input = 0;  ///< Index in `inputs`.
    Type type = Type::kAny;
    bool operator==(const Parameter&) const = default;
  };

  std::string sql;  ///< An expression with ?1, ?2, ...; of what is above and nothing else.
  std::vector<Parameter> parameters;
  std::vector<std::string> inputs;  ///< Each once, in the order of their first use.
  std::vector<std::size_t> places;  ///< Of that first use, from 0; for messages.
};

struct ConditionNode;

/// A condition on one event. kInvalid names the character and, where there is one, what was probably meant.
Result<ConditionSyntax> ParseCondition(const std::string& text);
/// What `root`, made of `text`, comes to; a condition is a kNumber. REQUIRES: no windows in it. kInvalid as above.
Result<ConditionSyntax> WriteCondition(const std::string& text, const ConditionNode& root, ConditionSyntax::Type type);

}  // namespace sluice
