#include "gateway/condition.h"

#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

FieldValue Number(double number, const std::string& text) {
  return {FieldValue::Kind::kNumber, number, text};
}
FieldValue Text(const std::string& text) {
  return {FieldValue::Kind::kText, 0, text};
}
constexpr Truth kT = Truth::kTrue;
constexpr Truth kF = Truth::kFalse;
constexpr Truth kU = Truth::kUnknown;

struct Fixture {
  ConditionEngine engine = *ConditionEngine::Open();
  std::map<std::string, FieldValue> values = {
      {"temp", Number(81, "81")},  {"limit", Number(80, "80.0")},    {"word", Text("ERR")},
      {"digits", Text("79")},      {"state", Text("RUN")},           {"on", Number(1, "true")},
      {"meta.site", Text("graz")}, {"outer temp", Number(20, "20")}, {"nan", Number(std::numeric_limits<double>::quiet_NaN(), "NaN")}};

  Truth Evaluate(const std::string& text) {
    Result<Condition> condition = engine.Compile(text);
    REQUIRE_MESSAGE(condition.has_value(), (condition ? "" : condition.error().message));
    std::vector<FieldValue> bound;
    for (const std::string& input : condition->inputs()) bound.push_back(values.contains(input) ? values[input] : FieldValue{});
    return condition->Evaluate(bound);
  }
  std::string Mistake(const std::string& text) {
    Result<Condition> condition = engine.Compile(text);
    return condition ? "none" : condition.error().message;
  }
};

TEST_CASE_FIXTURE(Fixture, "condition: SQL's operators, as SQL binds them") {
  const std::vector<std::pair<std::string, Truth>> cases = {{"temp > 80", kT},
                                                            {"temp > 80 AND state = 'RUN'", kT},
                                                            {"temp < 80 or state = 'RUN' and limit = 1", kF},
                                                            {"(temp > 90 OR state == 'RUN') AND NOT limit <> 80", kT},
                                                            {"temp BETWEEN 80 AND 81 AND on", kT},
                                                            {"temp NOT BETWEEN 80 AND 81", kF},
                                                            {"state IN ('STOP', 'RUN')", kT},
                                                            {"state NOT IN ('STOP', 'RUN')", kF},
                                                            {"temp IN (1, 81)", kT},
                                                            {"state LIKE 'r_n' AND state GLOB 'R*'", kT},
                                                            {"state NOT LIKE '%!%%' ESCAPE '!'", kT},
                                                            {"temp - \"outer temp\" > 60", kT},
                                                            {"temp + 1 * 2 = 83 AND -temp < 0 AND +temp = 81", kT},
                                                            {"5 / 2 = 2.5", kT},
                                                            {"temp % 2 = 1", kT},
                                                            {"meta.site || '!' = 'graz!'", kT},
                                                            {"CASE WHEN temp > 80 THEN 'hot' ELSE 'cold' END = 'hot'", kT},
                                                            {"on = TRUE AND NOT FALSE", kT},
                                                            {"temp > limit", kT}};

  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(cases[i].first);
    CHECK(Evaluate(cases[i].first) == cases[i].second);
  }
}

TEST_CASE_FIXTURE(Fixture, "condition: functions") {
  for (const char* text : {"abs(-temp) = 81",
                           "round(2.5) = 3",
                           "round(2.345, 2) = 2.35",
                           "sign(-5) = -1",
                           "floor(2.7) = 2",
                           "ceil(2.1) = 3",
                           "sqrt(temp) = 9",
                           "pow(2, 3) = 8",
                           "exp(0) = 1",
                           "ln(1) = 0",
                           "min(temp, limit, 3) = 3",
                           "MAX(temp, limit) = 81",
                           "coalesce(gone, temp) = 81",
                           "ifnull(gone, 5) = 5",
                           "nullif(temp, 81) IS NULL",
                           "lower(state) = 'run'",
                           "upper('a') = 'A'",
                           "trim('  a ') = 'a'",
                           "trim('xax', 'x') = 'a'",
                           "length(state) = 3",
                           "substr(state, 2) = 'UN'",
                           "substr(state, 1, 1) = 'R'",
                           "instr(state, 'N') = 3"}) {
    CAPTURE(text);
    CHECK(Evaluate(text) == kT);
  }
}

TEST_CASE_FIXTURE(Fixture, "condition: what is not there, null or no number is unknown, and never true") {
  for (const char* text : {"gone > 80", "NOT gone > 80", "gone = 'x'", "gone", "nan > 0", "nan < 0", "NULL", "gone + 1 > 0", "temp > gone",
                           "gone BETWEEN 1 AND 2", "gone LIKE '%'", "1 / 0 = 1"}) {
    CAPTURE(text);
    CHECK(Evaluate(text) == kU);
  }
  CHECK(Evaluate("gone IS NULL AND nan ISNULL AND temp NOT NULL AND temp NOTNULL AND temp IS NOT NULL") == kT);
  CHECK(Evaluate("gone > 80 OR temp > 80") == kT);
  CHECK(Evaluate("gone IS temp") == kF);
}

TEST_CASE_FIXTURE(Fixture, "condition: a text is never more than a number, and a text of digits is its number where one has to stand") {
  CHECK(Evaluate("word > 80") == kU);
  CHECK(Evaluate("word <> 80") == kU);
  CHECK(Evaluate("word BETWEEN 1 AND 2") == kU);
  CHECK(Evaluate("word IN (1, 2)") == kU);
  CHECK(Evaluate("word + 1 > 0") == kU);
  CHECK(Evaluate("abs(word) >= 0") == kU);
  CHECK(Evaluate("word") == kU);
  CHECK(Evaluate("word > limit") == kU);
  CHECK(Evaluate("limit < word") == kU);
  CHECK(Evaluate("limit BETWEEN temp AND word") == kF);  // The first comparison is enough to say no.
  CHECK(Evaluate("coalesce(gone, word) > 80") == kU);
  CHECK(Evaluate("CASE WHEN TRUE THEN word END > 80") == kU);
  CHECK(Evaluate("digits > 80") == kF);
  CHECK(Evaluate("digits < 80") == kT);
  CHECK(Evaluate("digits = '79'") == kT);
  CHECK(Evaluate("limit = '80.0'") == kT);  // As it stands in the payload.
  CHECK(Evaluate("on = 1 AND on = 'true'") == kT);
}

TEST_CASE_FIXTURE(Fixture, "condition: texts where numbers have to stand are counted") {
  Condition condition = *engine.Compile("temp > 80");
  CHECK(condition.Evaluate({Text("ERR")}) == kU);
  CHECK(condition.Evaluate({Text("81")}) == kT);
  CHECK(condition.Evaluate({Text("1e999")}) == kU);
  CHECK(condition.Evaluate({{}}) == kU);
  CHECK(condition.type_errors() == 2);
}

TEST_CASE_FIXTURE(Fixture, "condition: inputs are told once each, with their places") {
  Condition condition = *engine.Compile("temp > limit AND meta.site = 'x' AND temp < \"outer temp\"");
  CHECK(condition.inputs() == std::vector<std::string>{"temp", "limit", "meta.site", "outer temp"});
  CHECK(condition.places() == std::vector<std::size_t>{0, 7, 17, 44});
}

TEST_CASE_FIXTURE(Fixture, "condition: a mistake is told with its character") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "a value is missing, at character 1"},
      {"temp >", "a value is missing, at character 7"},
      {"temp > 80 AND", "a value is missing, at character 14"},
      {"temp 80", "an operator is missing, at character 6"},
      {"a > 1) OR (1", "there is no ( for this ), at character 6"},
      {"(a > 1", "a ) is missing, at character 7"},
      {"state = 'RUN", "a string ends with ', at character 9"},
      {"\"a = 1", "a name in quotes ends with \", at character 1"},
      {"\"\" = 1", "a name is not empty, at character 1"},
      {"temp > 80; DROP TABLE x", "`;` has no meaning here, at character 10"},
      {"temp > 80 -- so", "a condition has no comments, at character 11"},
      {"temp > 30s", "a duration stands in a window only: avg(temp, 30s), at character 8"},
      {"temp > 1e", "this is no number, at character 8"},
      {"avg(temp) > 1", "a window wants to know how long: avg(temp, 30s), at character 1"},
      {"avg(temp, 30s) > 1", "a window looks at earlier events, which only a rule can, at character 1"},
      {"foo(temp) > 1", "there is no function `foo`; there are abs,"},
      {"flor(temp) > 1", "there is no function `flor`. Did you mean `floor`?, at character 1"},
      {"round(1, 2, 3) = 1", "round takes 1 to 2 values, at character 1"},
      {"load_extension('x')", "there is no function `load_extension`"},
      {"temp NOT 5", "after NOT, one of IN, BETWEEN, LIKE, GLOB and NULL was expected, at character 10"},
      {"temp BETWEEN 1", "BETWEEN wants two limits with AND between them, at character 15"},
      {"temp IN 5", "IN wants a list: IN ('a', 'b'), at character 9"},
      {"CASE temp WHEN 1 THEN 2 END", "CASE is written CASE WHEN condition THEN value ... ELSE value END, at character 6"},
      {"END > 5", "a value is missing before `END`; an input of this name is written \"end\", at character 1"},
      {"temp > 'hot' + 1", "a text stands where a number has to, at character 8"},
      {"'a' = 1", "a text cannot be compared with a number, at character 7"},
      {"lower(5) = 'x'", "a number stands where a text has to, at character 7"},
      {"state LIKE 5", "a number stands where a text has to, at character 12"},
      {"'RUN'", "a text stands where a number has to, at character 1"},
      {std::string(5'000, '1'), "a condition has 4096 characters at most"},
      {std::string(200, '(') + "1", "this is nested too deeply"},
      {std::string(200, '-') + "1", "a condition has no comments"},
      {"a = CASE WHEN 1 THEN (SELECT 1) END", "a ) is missing"}};
  for (const auto& [text, mistake] : cases) {
    CAPTURE(text.substr(0, 60));
    const std::string told = Mistake(text);
    CHECK_MESSAGE(told.find(mistake) != std::string::npos, told);
  }
}

TEST_CASE_FIXTURE(Fixture, "condition: parts within parts do not make it grow without bound") {
  std::string between = "a";
  std::string cases = "a";
  for (int i = 0; i < 40; ++i) {
    between = "(" + between + " BETWEEN b AND c)";
    cases = "CASE WHEN " + cases + " = b THEN c END";
  }
  CHECK(Mistake(between).find("too complex") != std::string::npos);
  CHECK(Mistake(cases).find("too complex") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "condition: a long row of one operator is taken, and what is too deep for SQLite is said to be") {
  std::string row = "a = 0";
  for (int i = 1; i < 300; ++i) row += " OR a = " + std::to_string(i);
  CHECK(engine.Compile(row).has_value());
  const std::string told = Mistake("a" + std::string(55, '+') + "b > 1");  // From SQLite 3.46 on it is taken.
  CHECK_MESSAGE((told == "none" || told.find("nested too deeply") != std::string::npos), told);
}

TEST_CASE_FIXTURE(Fixture, "condition: what the parser takes SQLite takes, and nothing that comes in makes it fail") {
  const std::vector<std::string> words = {"a",      "b.c",       "\"d e\"", "1",    "2.5", "'x'",  "NULL",   "TRUE",      "(",    ")",
                                          "(",      ")",         ",",       "+",    "-",   "*",    "/",      "%",         "||",   "=",
                                          "<>",     "<",         ">=",      "AND",  "OR",  "NOT",  "IN (",   "BETWEEN",   "LIKE", "IS",
                                          "ISNULL", "CASE WHEN", "THEN",    "ELSE", "END", "abs(", "lower(", "coalesce(", "min("};
  std::mt19937 random(7);
  int compiled = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (auto length = 1 + random() % 9; length > 0; --length) text += words[random() % words.size()] + " ";
    if (!ParseCondition(text)) continue;
    CAPTURE(text);
    Result<Condition> condition = engine.Compile(text);
    REQUIRE(condition.has_value());
    ++compiled;
    std::vector<FieldValue> bound;
    for (std::size_t i = 0; i < condition->inputs().size(); ++i) bound.push_back(random() % 3 == 0 ? Text("x") : Number(2, "2"));
    condition->Evaluate(bound);
  }
  CHECK(compiled > 1'000);
}

}  // namespace
}  // namespace sluice
