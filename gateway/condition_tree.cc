#include "gateway/condition_tree.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

#include "gateway/condition_tokens.h"
#include "gateway/quantities.h"
#include "gateway/suggestion.h"

namespace sluice {
namespace {

using Kind = ConditionToken::Kind;

constexpr std::size_t kMaxLength = 4'096;
constexpr int kMaxDepth = 60;
constexpr Duration kLongestWindow = std::chrono::hours(24 * 30);

constexpr auto kMany = ConditionFunction::kMany;
constexpr auto kN = ConditionSyntax::Type::kNumber;
constexpr auto kT = ConditionSyntax::Type::kText;
constexpr auto kA = ConditionSyntax::Type::kAny;
constexpr std::array<ConditionFunction, 20> kFunctions = {
    {{"abs", 1, 1, {kN, kN, kN}, kN},     {"round", 1, 2, {kN, kN, kN}, kN},   {"sign", 1, 1, {kN, kN, kN}, kN},
     {"floor", 1, 1, {kN, kN, kN}, kN},   {"ceil", 1, 1, {kN, kN, kN}, kN},    {"sqrt", 1, 1, {kN, kN, kN}, kN},
     {"pow", 2, 2, {kN, kN, kN}, kN},     {"exp", 1, 1, {kN, kN, kN}, kN},     {"ln", 1, 1, {kN, kN, kN}, kN},
     {"min", 2, kMany, {kN, kN, kN}, kN}, {"max", 2, kMany, {kN, kN, kN}, kN}, {"coalesce", 2, kMany, {kA, kA, kA}, kA},
     {"ifnull", 2, 2, {kA, kA, kA}, kA},  {"nullif", 2, 2, {kA, kA, kA}, kA},  {"lower", 1, 1, {kT, kT, kT}, kT},
     {"upper", 1, 1, {kT, kT, kT}, kT},   {"trim", 1, 2, {kT, kT, kT}, kT},    {"length", 1, 1, {kT, kT, kT}, kN},
     {"substr", 2, 3, {kT, kN, kN}, kT},  {"instr", 2, 2, {kT, kT, kT}, kN}}};

constexpr std::array<std::string_view, 11> kWindows = {"avg",  "min",   "max",  "sum",   "count", "first",
                                                       "last", "delta", "rate", "deriv", "stddev"};

// In the order of TimePart.
constexpr std::array<std::string_view, 6> kTimes = {"time", "minute", "hour", "day_of_week", "day_of_month", "month"};

bool IsWindow(std::string_view name) {
  return std::find(kWindows.begin(), kWindows.end(), name) != kWindows.end();
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

/// Recursive descent, by SQLite's table of precedence (https://www.sqlite.org/lang_expr.html). The first mistake ends it.
class Parser {
 public:
  Parser(const std::string& text, ConditionScope scope, std::vector<ConditionToken> tokens)
      : text_(text), scope_(scope), tokens_(std::move(tokens)) {}

  Result<ConditionNode> Run() {
    ConditionNode node = Or();
    if (!mistake_ && Here().kind != Kind::kEnd) Mistake(Here().at, IsSign(")") ? "there is no ( for this )" : "an operator is missing");
    if (mistake_) return tl::unexpected<Error>(*mistake_);
    return node;
  }

 private:
  using What = ConditionNode::What;

  const ConditionToken& Here() const { return tokens_[place_]; }
  bool IsSign(std::string_view sign) const { return Here().kind == Kind::kSign && Here().text == sign; }
  bool IsWord(std::string_view word, std::size_t ahead = 0) const {
    const std::size_t at = std::min(place_ + ahead, tokens_.size() - 1);
    return tokens_[at].kind == Kind::kWord && tokens_[at].text == word;
  }
  bool TakeSign(std::string_view sign) { return IsSign(sign) && (++place_, true); }
  bool TakeWord(std::string_view word) { return IsWord(word) && (++place_, true); }

  ConditionNode Mistake(std::size_t at, const std::string& what) {
    if (!mistake_) mistake_ = ConditionError(text_, at, what);
    place_ = tokens_.size() - 1;  // Nothing more is found behind the end.
    return {What::kNull, "", at, {}};
  }
  void ExpectSign(std::string_view sign, const std::string& what) {
    if (!TakeSign(sign)) Mistake(Here().at, what);
  }
  void ExpectWord(std::string_view word, const std::string& what) {
    if (!TakeWord(word)) Mistake(Here().at, what);
  }
  static ConditionNode Make(What what, std::string text, std::size_t at, ConditionNode left, ConditionNode right) {
    ConditionNode node{what, std::move(text), at, {}};
    node.parts.push_back(std::move(left));
    node.parts.push_back(std::move(right));
    return node;
  }

  // Operators of one precedence, from left to right.
  ConditionNode Chain(What what, Kind kind, std::initializer_list<std::string_view> operators, ConditionNode (Parser::*operand)()) {
    ConditionNode left = (this->*operand)();
    while (Here().kind == kind && std::find(operators.begin(), operators.end(), Here().text) != operators.end()) {
      const ConditionToken& here = tokens_[place_++];
      left = Make(what, here.text, here.at, std::move(left), (this->*operand)());
    }
    return left;
  }

  ConditionNode Or() { return Chain(What::kLogic, Kind::kWord, {"OR"}, &Parser::And); }
  ConditionNode And() { return Chain(What::kLogic, Kind::kWord, {"AND"}, &Parser::Not); }

  ConditionNode Not() {
    const std::size_t at = Here().at;
    if (!TakeWord("NOT")) return Equality();
    if (++depth_ > kMaxDepth) return Mistake(at, "this is nested too deeply");
    ConditionNode node{What::kLogic, "NOT", at, {}};
    node.parts.push_back(Not());
    --depth_;
    return node;
  }

  ConditionNode Equality() {
    ConditionNode left = Order();
    for (;;) {
      const std::size_t at = Here().at;
      if (TakeSign("=") || TakeSign("==")) {
        left = Make(What::kCompare, "=", at, std::move(left), Order());
      } else if (TakeSign("<>") || TakeSign("!=")) {
        left = Make(What::kCompare, "<>", at, std::move(left), Order());
      } else if (TakeWord("ISNULL") || TakeWord("NOTNULL")) {
        left = {What::kIsNull, tokens_[place_ - 1].text, at, Parts(std::move(left))};
      } else if (TakeWord("IS")) {
        left = Is(std::move(left), at);
      } else if (IsWord("IN") || IsWord("BETWEEN") || IsWord("LIKE") || IsWord("GLOB") || IsWord("NOT")) {
        left = Membership(std::move(left));
      } else {
        return left;
      }
    }
  }

  static std::vector<ConditionNode> Parts(ConditionNode one) {
    std::vector<ConditionNode> parts;
    parts.push_back(std::move(one));
    return parts;
  }

  ConditionNode Is(ConditionNode left, std::size_t at) {
    bool negated = TakeWord("NOT");
    if (TakeWord("DISTINCT")) {
      ExpectWord("FROM", "IS DISTINCT wants FROM");
      negated = !negated;
    }
    return Make(What::kCompare, negated ? "IS NOT" : "IS", at, std::move(left), Order());
  }

  ConditionNode Membership(ConditionNode left) {
    const std::size_t at = Here().at;
    const bool negated = TakeWord("NOT");
    ConditionNode node{What::kNull, "", at, Parts(std::move(left))};
    if (negated && TakeWord("NULL")) {
      node.what = What::kIsNull;
      node.text = "NOTNULL";
      return node;
    }
    if (TakeWord("IN")) {
      List(node);
    } else if (TakeWord("BETWEEN")) {
      node.what = What::kBetween;
      node.parts.push_back(Order());
      ExpectWord("AND", "BETWEEN wants two limits with AND between them");
      node.parts.push_back(Order());
    } else if (TakeWord("LIKE") || TakeWord("GLOB")) {
      Pattern(node);
    } else {
      return Mistake(Here().at, "after NOT, one of IN, BETWEEN, LIKE, GLOB and NULL was expected");
    }
    if (!negated) return node;
    return {What::kLogic, "NOT", at, Parts(std::move(node))};
  }

  void List(ConditionNode& node) {
    node.what = What::kIn;
    ExpectSign("(", "IN wants a list: IN ('a', 'b')");
    do {
      node.parts.push_back(Or());
    } while (TakeSign(","));
    ExpectSign(")", "a ) is missing");
  }

  void Pattern(ConditionNode& node) {
    node.what = What::kPattern;
    node.text = tokens_[place_ - 1].text;
    node.parts.push_back(Order());
    if (node.text == "LIKE" && TakeWord("ESCAPE")) node.parts.push_back(Order());
  }

  ConditionNode Order() { return Chain(What::kCompare, Kind::kSign, {"<", "<=", ">", ">="}, &Parser::Sum); }
  ConditionNode Sum() { return Chain(What::kNumeric, Kind::kSign, {"+", "-"}, &Parser::Product); }
  ConditionNode Product() { return Chain(What::kNumeric, Kind::kSign, {"*", "/", "%"}, &Parser::Join); }
  ConditionNode Join() { return Chain(What::kJoin, Kind::kSign, {"||"}, &Parser::Unary); }

  ConditionNode Unary() {
    const std::size_t at = Here().at;
    if (++depth_ > kMaxDepth) return Mistake(at, "this is nested too deeply");
    ConditionNode node{What::kNull, "", at, {}};
    if (TakeSign("-") || TakeSign("+")) {
      node = {What::kNumeric, tokens_[place_ - 1].text, at, Parts(Unary())};
    } else {
      node = Primary();
    }
    --depth_;
    return node;
  }

  ConditionNode Primary() {
    const ConditionToken& here = Here();
    if (here.kind == Kind::kEnd) return Mistake(here.at, "a value is missing");
    ++place_;
    if (here.kind == Kind::kNumber) return {What::kNumber, here.text, here.at, {}};
    if (here.kind == Kind::kString) return {What::kString, here.text, here.at, {}};
    if (here.kind == Kind::kName) return IsSign("(") ? Call(here) : Input(here);
    if (here.text == "(") {
      ConditionNode node = Or();
      ExpectSign(")", "a ) is missing");
      return node;
    }
    if (here.kind == Kind::kDuration) return Mistake(here.at, "a duration stands in a window only: avg(temp, " + here.text + ")");
    if (here.text == "NULL") return {What::kNull, "", here.at, {}};
    if (here.text == "TRUE" || here.text == "FALSE") return {What::kNumber, here.text == "TRUE" ? "1" : "0", here.at, {}};
    if (here.text == "CASE") return Case(here.at);
    return Mistake(here.at, "a value is missing before `" + here.text + "`" +
                                (here.kind == Kind::kWord ? "; an input of this name is written \"" + Lower(here.text) + "\"" : ""));
  }

  ConditionNode Input(const ConditionToken& here) {
    if (here.text.empty()) return Mistake(here.at, "a name is not empty");
    return {What::kInput, here.text, here.at, {}};
  }

  ConditionNode Case(std::size_t at) {
    ConditionNode node{What::kCase, "", at, {}};
    if (!IsWord("WHEN")) return Mistake(Here().at, "CASE is written CASE WHEN condition THEN value ... ELSE value END");
    while (TakeWord("WHEN")) {
      node.parts.push_back(Or());
      ExpectWord("THEN", "WHEN wants THEN");
      node.parts.push_back(Or());
    }
    if (TakeWord("ELSE")) node.parts.push_back(Or());
    ExpectWord("END", "CASE wants END");
    return node;
  }

  ConditionNode Call(const ConditionToken& name) {
    ConditionNode node{What::kCall, Lower(name.text), name.at, {}};
    ++place_;
    for (bool more = !IsSign(")"); more; more = TakeSign(",")) {
      if (Here().kind == Kind::kDuration) return Window(std::move(node));
      node.parts.push_back(Or());
    }
    const auto time = std::find(kTimes.begin(), kTimes.end(), node.text);
    if (time != kTimes.end()) return Time(std::move(node), static_cast<int>(time - kTimes.begin()));
    const ConditionFunction* function = FindConditionFunction(node.text);
    if (function == nullptr) return Mistake(name.at, UnknownFunction(node.text));
    ExpectSign(")", "a ) is missing");
    if (node.parts.size() >= function->least && node.parts.size() <= function->most) return node;
    const std::string least = std::to_string(function->least);
    const bool exact = function->least == function->most;
    return Mistake(
        name.at,
        node.text + " takes " +
            (exact ? least : least + (function->most == ConditionFunction::kMany ? " or more" : " to " + std::to_string(function->most))) +
            " values");
  }

  // Behind what it is over, before its duration: avg(temp, 30s), count(5m).
  ConditionNode Window(ConditionNode node) {
    if (!IsWindow(node.text)) return Mistake(node.at, "`" + node.text + "` takes no duration; windows are " + Names(kWindows));
    if (scope_ == ConditionScope::kEvent) return Mistake(node.at, "a window looks at earlier events, which only a rule can");
    const bool counts_events = node.parts.empty() && node.text == "count";
    if (node.parts.size() != 1 && !counts_events) return Mistake(node.at, "a window is written " + node.text + "(temp, 30s)");
    node.what = What::kWindow;
    node.duration = *ParseDuration(Here().text);
    if (node.duration.count() == 0 || node.duration > kLongestWindow) return Mistake(Here().at, "a window is 1ms to 30d long");
    ++place_;
    if (counts_events) node.parts.push_back({What::kNumber, "1", node.at, {}});
    ExpectSign(")", "a ) is missing");
    return node;
  }

  ConditionNode Time(ConditionNode node, int part) {
    if (scope_ == ConditionScope::kEvent) return Mistake(node.at, "the time is for rules: only a rule knows " + node.text + "()");
    if (!node.parts.empty()) return Mistake(node.at, node.text + "() takes no values: it is of the time of the event");
    ExpectSign(")", "a ) is missing");
    return {What::kNumeric, "+", node.at, Parts({What::kInput, kTimeMark + std::to_string(part), node.at, {}})};
  }

  template <typename List>
  static std::string Names(const List& names) {
    std::string text;
    for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
  }

  std::string UnknownFunction(const std::string& name) const {
    if (IsWindow(name)) return "a window wants to know how long: " + name + "(temp, 30s)";
    std::vector<std::string> known;
    for (const ConditionFunction& function : kFunctions) known.emplace_back(function.name);
    if (scope_ == ConditionScope::kStream) {
      known.insert(known.end(), kWindows.begin(), kWindows.end());
      known.insert(known.end(), kTimes.begin(), kTimes.end());
    }
    const std::string meant = SlipSuggestion(name, known);
    return "there is no function `" + name + "`" + (meant.empty() ? "; there are " + Names(known) : "." + meant);
  }

  const std::string& text_;
  const ConditionScope scope_;
  const std::vector<ConditionToken> tokens_;
  std::size_t place_ = 0;
  int depth_ = 0;
  std::optional<Error> mistake_;
};

}  // namespace

const ConditionFunction* FindConditionFunction(std::string_view name) {
  const auto found = std::find_if(kFunctions.begin(), kFunctions.end(), [&](const ConditionFunction& f) { return f.name == name; });
  return found == kFunctions.end() ? nullptr : &*found;
}

Result<ConditionNode> ParseConditionTree(const std::string& text, ConditionScope scope) {
  if (text.size() > kMaxLength) return Fail(ErrorCode::kInvalid, "a condition has " + std::to_string(kMaxLength) + " characters at most");
  Result<std::vector<ConditionToken>> tokens = TokenizeCondition(text);
  if (!tokens) return tl::unexpected<Error>(tokens.error());
  return Parser(text, scope, std::move(*tokens)).Run();
}

}  // namespace sluice
