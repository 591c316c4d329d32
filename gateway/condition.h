// A condition of a route or a rule (gateway/condition_syntax.h), compiled once, evaluated for each event by SQLite, which is given nothing
// but values: the database is empty, in memory and closed to all but expressions.
//
// Thread: one at a time, all conditions of an engine together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/condition_syntax.h"
#include "gateway/field_value.h"
#include "gateway/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice {

enum class Truth { kFalse, kTrue, kUnknown };

class Condition {
 public:
  ~Condition();
  Condition(Condition&&) noexcept;
  Condition& operator=(Condition&&) noexcept;

  /// `values`: one for each of inputs(), in their order. They must stay as they are meanwhile.
  Truth Evaluate(const std::vector<FieldValue>& values);
  /// The same, of an expression that need not be a condition.
  void Evaluate(const std::vector<FieldValue>& values, FieldValue& value);
  const std::vector<std::string>& inputs() const { return syntax_.inputs; }
  const std::string& sql() const { return syntax_.sql; }
  /// Where each input first stands in the condition, from 0.
  const std::vector<std::size_t>& places() const { return syntax_.places; }
  /// How often a text stood where a number had to, and was none, or was too long.
  std::uint64_t type_errors() const { return type_errors_; }

 private:
  friend class ConditionEngine;
  Condition(ConditionSyntax syntax, sqlite3_stmt* statement);
  bool Step(const std::vector<FieldValue>& values);
  void Bind(int parameter, const FieldValue& value, ConditionSyntax::Type wanted);

  ConditionSyntax syntax_;
  sqlite3_stmt* statement_;
  std::uint64_t type_errors_ = 0;
};

class ConditionEngine {
 public:
  static Result<ConditionEngine> Open();

  /// kInvalid: as ParseCondition. The condition must not outlive the engine.
  Result<Condition> Compile(const std::string& text);
  Result<Condition> Prepare(ConditionSyntax syntax);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit ConditionEngine(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace sluice
