// What the reference of the configuration says of one key.
#pragma once

#include <string>

#include "config/schema_tree.h"

namespace sluice {

/// The cells of a table's row, in Markdown.
struct KeyRow {
  std::string path;
  std::string values;    ///< "`5` or `3.1.1`", "whole number, `1` to `65535`".
  std::string fallback;  ///< The default, or "required", or empty.
  std::string meaning;
};

/// The key `name` of `owner`, which is entered already: `place`.
KeyRow DescribeKey(const SchemaTree& tree, const SchemaPlace& place, const std::string& name, const SchemaTree::Json& owner);

/// `value` in backquotes, a string as it is.
std::string Code(const SchemaTree::Json& value);

}  // namespace sluice
