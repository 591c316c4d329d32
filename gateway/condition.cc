#include "gateway/condition.h"

#include <sqlite3.h>

#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

namespace sluice {
namespace {

// The text that is compiled is ours; the limits are for what comes with the events.
// A pattern costs its length times that of the text.
constexpr std::size_t kMaxTextBytes = 4'096;
constexpr int kMaxJoinedBytes = 16'384;
constexpr int kMaxPattern = 256;
constexpr int kMaxDepth = 1'000;

int Authorize(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_SELECT || action == SQLITE_FUNCTION ? SQLITE_OK : SQLITE_DENY;
}

}  // namespace

Result<ConditionEngine> ConditionEngine::Open() {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr);
  ConditionEngine engine(opened);
  if (code != SQLITE_OK) return Fail(ErrorCode::kUnavailable, std::string("conditions: ") + sqlite3_errstr(code));
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMaxJoinedBytes);
  sqlite3_limit(opened, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, kMaxPattern);
  sqlite3_limit(opened, SQLITE_LIMIT_EXPR_DEPTH, kMaxDepth);
  sqlite3_limit(opened, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_set_authorizer(opened, Authorize, nullptr);
  return engine;
}

void ConditionEngine::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

Result<Condition> ConditionEngine::Compile(const std::string& text) {
  Result<ConditionSyntax> syntax = ParseCondition(text);
  if (!syntax) return tl::unexpected<Error>(syntax.error());
  return Prepare(std::move(*syntax));
}

Result<Condition> ConditionEngine::Prepare(ConditionSyntax syntax) {
  const std::string sql = "SELECT " + syntax.sql;
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    // It is SQL by its making; how long and how deep it may be SQLite knows best.
    return Fail(ErrorCode::kInvalid, "the condition is nested too deeply, or too long: " + std::string(sqlite3_errmsg(database_.get())));
  }
  return Condition(std::move(syntax), statement);
}

Condition::Condition(ConditionSyntax syntax, sqlite3_stmt* statement) : syntax_(std::move(syntax)), statement_(statement) {}

Condition::Condition(Condition&& other) noexcept
    : syntax_(std::move(other.syntax_)), statement_(std::exchange(other.statement_, nullptr)), type_errors_(other.type_errors_) {}

Condition& Condition::operator=(Condition&& other) noexcept {
  std::swap(syntax_, other.syntax_);
  std::swap(statement_, other.statement_);
  std::swap(type_errors_, other.type_errors_);
  return *this;
}

Condition::~Condition() {
  sqlite3_finalize(statement_);
}

// An error, as of a pattern that is too long, is no answer either.
bool Condition::Step(const std::vector<FieldValue>& values) {
  for (std::size_t i = 0; i < syntax_.parameters.size(); ++i) {
    const ConditionSyntax::Parameter& parameter = syntax_.parameters[i];
    Bind(static_cast<int>(i + 1), values[parameter.input], parameter.type);
  }
  return sqlite3_step(statement_) == SQLITE_ROW && sqlite3_column_type(statement_, 0) != SQLITE_NULL;
}

Truth Condition::Evaluate(const std::vector<FieldValue>& values) {
  Truth truth = Truth::kUnknown;
  if (Step(values)) truth = sqlite3_column_double(statement_, 0) != 0 ? Truth::kTrue : Truth::kFalse;
  sqlite3_reset(statement_);
  return truth;
}

void Condition::Evaluate(const std::vector<FieldValue>& values, FieldValue& value) {
  value.kind = FieldValue::Kind::kNone;
  if (Step(values)) {
    const bool is_text = sqlite3_column_type(statement_, 0) == SQLITE_TEXT;
    value.kind = is_text ? FieldValue::Kind::kText : FieldValue::Kind::kNumber;
    value.number = is_text ? 0 : sqlite3_column_double(statement_, 0);
    value.text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, 0));
  }
  sqlite3_reset(statement_);
}

void Condition::Bind(int parameter, const FieldValue& value, ConditionSyntax::Type wanted) {
  using Kind = FieldValue::Kind;
  using Type = ConditionSyntax::Type;
  const bool is_number = value.kind == Kind::kNumber && std::isfinite(value.number);
  if (value.kind == Kind::kNone || (value.kind == Kind::kNumber && !is_number)) {
    sqlite3_bind_null(statement_, parameter);
  } else if (value.text.size() > kMaxTextBytes) {
    ++type_errors_;
    sqlite3_bind_null(statement_, parameter);
  } else if (is_number && wanted != Type::kText) {
    sqlite3_bind_double(statement_, parameter, value.number);
  } else if (wanted != Type::kNumber) {
    sqlite3_bind_text64(statement_, parameter, value.text.data(), value.text.size(), SQLITE_STATIC, SQLITE_UTF8);
  } else if (const std::optional<double> number = NumberOf(std::string_view(value.text))) {
    sqlite3_bind_double(statement_, parameter, *number);
  } else {
    ++type_errors_;
    sqlite3_bind_null(statement_, parameter);
  }
}

}  // namespace sluice
