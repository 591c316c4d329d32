// The reference of the configuration in Markdown: what each key may be, is by default, and means, as the schema says it.
//
// First the schema's own description, then a table for the top level, one for each object in it (one for each `type` of it that has keys of
// its own), and one for each object that may stand at several places. A default that is no single value ends the description of its key:
// "Default: the host's name."
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// `schema` as config/schema_tree.h requires it.
std::string DescribeKeys(std::string_view schema);

}  // namespace sluice
