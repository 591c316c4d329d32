// Where a value stands, by its path within another.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "config/json_text.h"

namespace sluice {

struct Spot {
  Place place;
  std::string pointer;
};

/// Of the value at `path` ("inputs/t_avg", "match/0") within `node`, which stands at `pointer`; as far as the path leads, since one string
/// may stand for an array or an object. Keys in `path` have no `/`.
Spot Locate(const JsonNode& node, std::string pointer, std::string_view path);

}  // namespace sluice
