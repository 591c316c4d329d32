// Templates: text with `{name}` in it. Compiled once, rendered without parsing. `{{` and `}}` stand for braces.
//
// Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/result.h"

namespace sluice {

class Template {
 public:
  /// `resolve` gives the number of a name, or nothing if there is no such name. kInvalid says what is wrong and at which character.
  using Resolve = std::function<std::optional<std::size_t>(std::string_view name)>;
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
  bool IsConstant() const;

 private:
  struct Part {
    std::string text;
    std::optional<std::size_t> name;
  };
  std::vector<Part> parts_;
};

}  // namespace sluice
