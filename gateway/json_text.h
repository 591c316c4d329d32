// JSON as text, whatever bytes its strings have.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice {

/// What is not UTF-8 becomes U+FFFD. `indent`: spaces per level; -1: all in one line. `Json`: nlohmann's, ordered or not.
template <typename Json>
std::string JsonText(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

/// A line of JSON Lines, its end included.
template <typename Json>
std::string JsonLine(const Json& json) {
  return JsonText(json) + "\n";
}

}  // namespace sluice
