// A member of an answer as a cell of a table for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace sluice {

/// Empty if it is not there. Control characters are escaped, so that those of a topic do nothing to the terminal.
std::string Cell(const nlohmann::ordered_json& line, const char* name);

}  // namespace sluice
