// Templates: text with `{name}` in it. Compiled once, rendered without parsing. `{{` and `}}` stand for braces. `${...}` is text: a
// reference that a mere check of a configuration leaves as it is written.
//
// Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/result.h"

namespace sluice {

class Template {
 public:
  /// What a name stands for: a number, under which it is rendered, or a text that is always the same.
  using Name = std::variant<std::size_t, std::string>;
  /// Nothing if there is no such name.
  using Resolve = std::function<std::optional<Name>(std::string_view name)>;
  /// kInvalid says what is wrong and at which character.
  static Result<Template> Parse(std::string_view text, const Resolve& resolve);

  /// `append(out, number)` appends the value of a name.
  template <typename Append>
  void Render(std::string& out, Append append) const {
    for (const Part& part : parts_) {
      if (part.name) {
        append(out, *part.name);
      } else {
        out += part.text;
      }
    }
  }
  bool IsEmpty() const { return parts_.empty(); }
  /// Renders the same for all events.
  bool IsConstant() const;

 private:
  struct Part {
    std::string text;
    std::optional<std::size_t> name;
  };
  std::vector<Part> parts_;
};

}  // namespace sluice
