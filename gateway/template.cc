#include "gateway/template.h"

#include <algorithm>

namespace sluice {

Result<Template> Template::Parse(std::string_view text, const Resolve& resolve) {
  Template result;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) result.parts_.push_back({std::move(literal), std::nullopt});
    literal.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string at = " at character " + std::to_string(i + 1);
    if (text.substr(i, 2) == "{{" || text.substr(i, 2) == "}}") {
      literal += text[i++];
      continue;
    }
    if (text.substr(i, 2) == "${") {
      const std::size_t length = std::min(text.find('}', i), text.size() - 1) - i + 1;
      literal += text.substr(i, length);
      i += length - 1;
      continue;
    }
    if (text[i] == '}') return Fail(ErrorCode::kInvalid, "`}` without `{`" + at + "; write `}}` for a brace");
    if (text[i] != '{') {
      literal += text[i];
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (end == std::string_view::npos) return Fail(ErrorCode::kInvalid, "`{` without `}`" + at + "; write `{{` for a brace");
    const std::string_view name = text.substr(i + 1, end - i - 1);
    const std::optional<Name> meaning = resolve(name);
    if (!meaning) return Fail(ErrorCode::kInvalid, "nothing is named `{" + std::string(name) + "}`" + at);
    i = end;
    if (const auto* text_of_name = std::get_if<std::string>(&*meaning)) {
      literal += *text_of_name;
      continue;
    }
    flush();
    result.parts_.push_back({"", std::get<std::size_t>(*meaning)});
  }
  flush();
  return result;
}

bool Template::IsConstant() const {
  return std::none_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.name.has_value(); });
}

}  // namespace sluice
