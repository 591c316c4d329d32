// A member of a JSON object that somebody else wrote.
//
// Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice {

/// The text under `name`; empty if there is none, or something else. REQUIRES: `object` is one.
inline std::string TextOf(const nlohmann::json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

}  // namespace sluice
