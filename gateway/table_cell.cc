#include "gateway/table_cell.h"

#include <nlohmann/json.hpp>

#include "gateway/paint.h"

namespace sluice {

std::string Cell(const nlohmann::ordered_json& line, const char* name) {
  if (!line.contains(name)) return "";
  return line[name].is_string() ? Printable(line[name].get<std::string>()) : line[name].dump();
}

}  // namespace sluice
