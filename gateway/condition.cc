#include "gateway/condition.h"

#include <sqlite3.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

namespace sluice {
namespace {

// The text that is compiled is ours; the limits are for what comes with the events.
constexpr int kMaxTextBytes = 1 << 20;
constexpr int kMaxPattern = 256;
constexpr int kMaxDepth = 1'000;

int Authorize(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_SELECT || action == SQLITE_FUNCTION ? SQLITE_OK : SQLITE_DENY;
}

std::optional<double> NumberOf(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
  return good ? std::optional(number) : std::nullopt;
}

}  // namespace

Result<ConditionEngine> ConditionEngine::Open() {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr);
  ConditionEngine engine(opened);
  if (code != SQLITE_OK) return Fail(ErrorCode::kUnavailable, std::string("conditions: ") + sqlite3_errstr(code));
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMaxTextBytes);
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
  const std::string sql = "SELECT " + syntax->sql;
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorCode::kInvalid, std::string(sqlite3_errmsg(database_.get())) + ": `" + text + "`");
  return Condition(std::move(*syntax), statement);
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

Truth Condition::Evaluate(const std::vector<FieldValue>& values) {
  for (std::size_t i = 0; i < syntax_.parameters.size(); ++i) {
    const ConditionSyntax::Parameter& parameter = syntax_.parameters[i];
    Bind(static_cast<int>(i + 1), values[parameter.input], parameter.type);
  }
  Truth truth = Truth::kUnknown;
  // An error, as of a pattern that is too long, is no answer either.
  if (sqlite3_step(statement_) == SQLITE_ROW && sqlite3_column_type(statement_, 0) != SQLITE_NULL) {
    truth = sqlite3_column_double(statement_, 0) != 0 ? Truth::kTrue : Truth::kFalse;
  }
  sqlite3_reset(statement_);
  return truth;
}

void Condition::Bind(int parameter, const FieldValue& value, ConditionSyntax::Type wanted) {
  using Kind = FieldValue::Kind;
  using Type = ConditionSyntax::Type;
  const bool is_number = value.kind == Kind::kNumber && std::isfinite(value.number);
  if (value.kind == Kind::kNone || (value.kind == Kind::kNumber && !is_number)) {
    sqlite3_bind_null(statement_, parameter);
  } else if (is_number && wanted != Type::kText) {
    sqlite3_bind_double(statement_, parameter, value.number);
  } else if (wanted != Type::kNumber) {
    sqlite3_bind_text64(statement_, parameter, value.text.data(), value.text.size(), SQLITE_STATIC, SQLITE_UTF8);
  } else if (const std::optional<double> number = NumberOf(value.text)) {
    sqlite3_bind_double(statement_, parameter, *number);
  } else {
    ++type_errors_;
    sqlite3_bind_null(statement_, parameter);
  }
}

}  // namespace sluice
