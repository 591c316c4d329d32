#include "gateway/condition_tokens.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "gateway/quantities.h"

namespace sluice {
namespace {

using Kind = ConditionToken::Kind;

constexpr std::array<std::string_view, 22> kWords = {"AND",     "BETWEEN", "CASE", "ELSE", "END",  "ESCAPE",  "FALSE", "FROM",
                                                     "GLOB",    "IN",      "IS",   "LIKE", "NOT",  "NULL",    "OR",    "ISNULL",
                                                     "NOTNULL", "THEN",    "TRUE", "WHEN", "CAST", "DISTINCT"};
// The longer ones first.
constexpr std::array<std::string_view, 17> kSigns = {"||", "==", "<>", "!=", "<=", ">=", "(", ")", ",",
                                                     "+",  "-",  "*",  "/",  "%",  "=",  "<", ">"};

// Of the C locale, whatever that of the process.
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool IsNamePart(char c) {
  return IsNameStart(c) || IsDigit(c);
}

class Tokenizer {
 public:
  explicit Tokenizer(const std::string& text) : text_(text) {}

  Result<std::vector<ConditionToken>> Run() {
    for (;;) {
      while (place_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[place_])) != 0) ++place_;
      if (place_ == text_.size()) break;
      Result<ConditionToken> token = Next();
      if (!token) return tl::unexpected<Error>(token.error());
      tokens_.push_back(std::move(*token));
    }
    tokens_.push_back({Kind::kEnd, "", text_.size(), text_.size()});
    return std::move(tokens_);
  }

 private:
  Result<ConditionToken> Next() {
    const char c = text_[place_];
    if (c == '\'') return Quoted(Kind::kString, "a string ends with '");
    if (c == '"') return Quoted(Kind::kName, "a name in quotes ends with \"");
    if (IsDigit(c) || (c == '.' && place_ + 1 < text_.size() && IsDigit(text_[place_ + 1]))) return Number();
    if (IsNameStart(c)) return NameOrWord();
    return Sign();
  }

  Result<ConditionToken> Quoted(Kind kind, const char* mistake) {
    ConditionToken token{kind, "", place_, 0};
    const char quote = text_[place_];
    for (std::size_t i = place_ + 1; i < text_.size(); ++i) {
      if (text_[i] == quote && i + 1 < text_.size() && text_[i + 1] == quote)
        ++i;
      else if (text_[i] == quote)
        return Ended(std::move(token), i + 1);
      if (static_cast<unsigned char>(text_[i]) < ' ' && kind == Kind::kName) return Mistake("a name has no control characters");
      token.text += text_[i];
    }
    return Mistake(mistake);
  }

  Result<ConditionToken> Number() {
    std::size_t end = place_;
    const auto digits = [&] {
      const std::size_t start = end;
      while (end < text_.size() && IsDigit(text_[end])) ++end;
      return end > start;
    };
    digits();
    if (end < text_.size() && text_[end] == '.') {
      ++end;
      digits();
    }
    if (std::optional<ConditionToken> duration = DurationOf(end)) return std::move(*duration);
    bool good = true;
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      ++end;
      if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
      good = digits();
    }
    if (!good || (end < text_.size() && (IsNamePart(text_[end]) || text_[end] == '.'))) return Mistake("this is no number");
    ConditionToken token{Kind::kNumber, text_.substr(place_, end - place_), place_, 0};
    return Ended(std::move(token), end);
  }

  // `end`: behind its first digits.
  std::optional<ConditionToken> DurationOf(std::size_t end) {
    while (end < text_.size() && IsNamePart(text_[end])) ++end;
    const std::string text = text_.substr(place_, end - place_);
    if (text.find_first_of("smhd") == std::string::npos || !ParseDuration(text)) return std::nullopt;
    return Ended({Kind::kDuration, text, place_, 0}, end);
  }

  // A name may go on after a dot, so that it is the way to a field.
  Result<ConditionToken> NameOrWord() {
    std::size_t end = place_;
    for (;;) {
      while (end < text_.size() && IsNamePart(text_[end])) ++end;
      if (end + 1 >= text_.size() || text_[end] != '.' || !IsNamePart(text_[end + 1])) break;
      ++end;
    }
    ConditionToken token{Kind::kName, text_.substr(place_, end - place_), place_, 0};
    std::string word = token.text;
    std::transform(word.begin(), word.end(), word.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) {
      token.kind = Kind::kWord;
      token.text = std::move(word);
    }
    return Ended(std::move(token), end);
  }

  Result<ConditionToken> Sign() {
    const std::string_view rest = std::string_view(text_).substr(place_);
    if (rest.starts_with("--") || rest.starts_with("/*")) return Mistake("a condition has no comments");
    for (const std::string_view sign : kSigns) {
      if (rest.starts_with(sign)) return Ended({Kind::kSign, std::string(sign), place_, 0}, place_ + sign.size());
    }
    return Mistake("`" + std::string(rest.substr(0, 1)) + "` has no meaning here");
  }

  tl::unexpected<Error> Mistake(const std::string& what) const { return tl::unexpected<Error>(ConditionError(text_, place_, what)); }

  ConditionToken Ended(ConditionToken token, std::size_t end) {
    token.end = place_ = end;
    return token;
  }

  const std::string& text_;
  std::size_t place_ = 0;
  std::vector<ConditionToken> tokens_;
};

}  // namespace

Result<std::vector<ConditionToken>> TokenizeCondition(const std::string& text) {
  return Tokenizer(text).Run();
}

Error ConditionError(const std::string& text, std::size_t at, const std::string& what) {
  return {ErrorCode::kInvalid, what + ", at character " + std::to_string(at + 1) + " of `" + text + "`"};
}

}  // namespace sluice
