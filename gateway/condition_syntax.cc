#include "gateway/condition_syntax.h"

#include <algorithm>
#include <optional>

#include "gateway/condition_tokens.h"
#include "gateway/condition_tree.h"

namespace sluice {
namespace {

using Type = ConditionSyntax::Type;

// Some parts are written more than once, and parts of these again. SQLite is told to take a little more (gateway/condition.cc).
constexpr std::size_t kMaxSql = 12u << 10;

/// Gives each input the type of its place, and writes SQL.
class Writer {
 public:
  Writer(const std::string& text, ConditionSyntax& out) : text_(text), out_(out) {}

  Result<void> Run(const ConditionNode& node, Type type) {
    Write(node, type);
    if (mistake_) return tl::unexpected<Error>(*mistake_);
    return {};
  }

 private:
  using What = ConditionNode::What;

  // kAny: it depends on the inputs.
  static Type TypeOf(const ConditionNode& node) {
    switch (node.what) {
      case What::kString:
      case What::kJoin:
        return Type::kText;
      case What::kNull:
      case What::kInput:
        return Type::kAny;
      case What::kCase:
        return FirstKnown(node, [&](std::size_t i) { return i % 2 == 1 || i + 1 == node.parts.size(); });
      case What::kCall: {
        const Type gives = FindConditionFunction(node.text)->gives;
        return gives == Type::kAny ? FirstKnown(node, [](std::size_t) { return true; }) : gives;
      }
      default:
        return Type::kNumber;
    }
  }

  template <typename Counts>
  static Type FirstKnown(const ConditionNode& node, Counts counts) {
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      const Type type = counts(i) ? TypeOf(node.parts[i]) : Type::kAny;
      if (type != Type::kAny) return type;
    }
    return Type::kAny;
  }

  void Write(const ConditionNode& node, Type wanted) {
    if (out_.sql.size() > kMaxSql) return Mistake(node.at, "the condition is too complex");
    const Type type = TypeOf(node);
    if (wanted != Type::kAny && type != Type::kAny && type != wanted) {
      return Mistake(node.at, wanted == Type::kNumber ? "a text stands where a number has to" : "a number stands where a text has to");
    }
    out_.sql += '(';
    WriteInside(node, type == Type::kAny ? wanted : type);
    out_.sql += ')';
  }

  void WriteInside(const ConditionNode& node, Type type) {
    switch (node.what) {
      case What::kNumber:
        out_.sql += node.text.find_first_of(".eE") == std::string::npos ? node.text + ".0" : node.text;
        return;
      case What::kString:
        return WriteString(node.text);
      case What::kNull:
        out_.sql += "NULL";
        return;
      case What::kInput:
        return WriteInput(node, type);
      case What::kLogic:
      case What::kNumeric:
        return WriteOperator(node, Type::kNumber);
      case What::kJoin:
        return WriteOperator(node, Type::kText);
      case What::kCompare:
        return WriteComparison(node);
      case What::kPattern:
        return WritePattern(node);
      case What::kBetween:
        return WriteBetween(node);
      case What::kIn:
        return WriteIn(node);
      case What::kIsNull:
        Write(node.parts[0], Type::kAny);
        out_.sql += " " + node.text;
        return;
      case What::kCase:
        return WriteCase(node, type);
      case What::kCall:
        return WriteCall(node, type);
      case What::kWindow:
        return Mistake(node.at, "a window cannot stand here");
    }
  }

  void WriteString(const std::string& text) {
    out_.sql += '\'';
    for (const char c : text) out_.sql += c == '\'' ? std::string("''") : std::string(1, c);
    out_.sql += '\'';
  }

  void WriteInput(const ConditionNode& node, Type type) {
    const auto known = std::find(out_.inputs.begin(), out_.inputs.end(), node.text);
    const auto input = static_cast<std::size_t>(known - out_.inputs.begin());
    if (known == out_.inputs.end()) {
      out_.inputs.push_back(node.text);
      out_.places.push_back(node.at);
    }
    const ConditionSyntax::Parameter parameter{input, type};
    auto place = std::find(out_.parameters.begin(), out_.parameters.end(), parameter);
    if (place == out_.parameters.end()) place = out_.parameters.insert(place, parameter);
    out_.sql += "?" + std::to_string(place - out_.parameters.begin() + 1);
  }

  void WriteOperator(const ConditionNode& node, Type type) {
    if (node.parts.size() == 1) {
      out_.sql += node.text + " ";
      return Write(node.parts[0], type);
    }
    // A row of one operator needs no parentheses; SQLite's parser takes some ninety, one in the other.
    const ConditionNode& left = node.parts[0];
    const bool is_row = left.what == node.what && left.text == node.text && left.parts.size() == 2;
    is_row ? WriteOperator(left, type) : Write(left, type);
    out_.sql += " " + node.text + " ";
    Write(node.parts[1], type);
  }

  // Of several values that are compared with each other.
  Type Common(const ConditionNode& node) {
    Type common = Type::kAny;
    for (const ConditionNode& part : node.parts) {
      const Type type = TypeOf(part);
      if (common != Type::kAny && type != Type::kAny && type != common) Mistake(part.at, "a text cannot be compared with a number");
      if (common == Type::kAny) common = type;
    }
    return common;
  }

  static bool IsNull(const ConditionNode& node) { return node.what == What::kNull; }

  void WriteComparison(const ConditionNode& node) {
    const Type common = Common(node);
    // IS, which knows no NULL, finds values of two types different; all other comparisons of them are NULL.
    const bool looks_at_types = common == Type::kAny && !node.text.starts_with("IS") && !IsNull(node.parts[0]) && !IsNull(node.parts[1]);
    if (!looks_at_types) return WritePair(node, common);
    out_.sql += "CASE WHEN typeof(";
    Write(node.parts[0], common);
    out_.sql += ") = typeof(";
    Write(node.parts[1], common);
    out_.sql += ") THEN ";
    WritePair(node, common);
    out_.sql += " END";
  }

  void WritePair(const ConditionNode& node, Type type) {
    Write(node.parts[0], type);
    out_.sql += " " + node.text + " ";
    Write(node.parts[1], type);
  }

  void WritePattern(const ConditionNode& node) {
    WritePair(node, Type::kText);
    if (node.parts.size() < 3) return;
    out_.sql += " ESCAPE ";
    Write(node.parts[2], Type::kText);
  }

  // As its two comparisons, so that their types are looked at.
  void WriteBetween(const ConditionNode& node) {
    const Type common = Common(node);
    for (const int limit : {1, 2}) {
      ConditionNode comparison{
          What::kCompare, limit == 1 ? ">=" : "<=", node.at, {node.parts[0], node.parts[static_cast<std::size_t>(limit)]}};
      if (limit == 2) out_.sql += " AND ";
      out_.sql += '(';
      common == Type::kAny ? WriteComparison(comparison) : WritePair(comparison, common);
      out_.sql += ')';
    }
  }

  void WriteIn(const ConditionNode& node) {
    const Type common = Common(node);
    Write(node.parts[0], common);
    out_.sql += " IN (";
    for (std::size_t i = 1; i < node.parts.size(); ++i) {
      if (i > 1) out_.sql += ", ";
      Write(node.parts[i], common);
    }
    out_.sql += ')';
  }

  void WriteCase(const ConditionNode& node, Type type) {
    out_.sql += "CASE";
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      const bool is_else = i % 2 == 0 && i + 1 == node.parts.size();
      const bool is_condition = i % 2 == 0 && !is_else;
      out_.sql += is_else ? " ELSE " : is_condition ? " WHEN " : " THEN ";
      Write(node.parts[i], is_condition ? Type::kNumber : type);
    }
    out_.sql += " END";
  }

  void WriteCall(const ConditionNode& node, Type type) {
    const ConditionFunction& function = *FindConditionFunction(node.text);
    out_.sql += node.text + "(";
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      if (i > 0) out_.sql += ", ";
      const Type takes = function.takes[std::min<std::size_t>(i, 2)];
      Write(node.parts[i], takes == Type::kAny ? type : takes);
    }
    out_.sql += ')';
  }

  void Mistake(std::size_t at, const std::string& what) {
    if (!mistake_) mistake_ = ConditionError(text_, at, what);
  }

  const std::string& text_;
  ConditionSyntax& out_;
  std::optional<Error> mistake_;
};

}  // namespace

Result<ConditionSyntax> ParseCondition(const std::string& text) {
  Result<ConditionNode> root = ParseConditionTree(text, ConditionScope::kEvent);
  if (!root) return tl::unexpected<Error>(root.error());
  return WriteCondition(text, *root, Type::kNumber);
}

Result<ConditionSyntax> WriteCondition(const std::string& text, const ConditionNode& root, Type type) {
  ConditionSyntax syntax;
  if (Result<void> written = Writer(text, syntax).Run(root, type); !written) return tl::unexpected<Error>(written.error());
  return syntax;
}

}  // namespace sluice
