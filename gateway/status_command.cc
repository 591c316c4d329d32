#include "gateway/status_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "gateway/paint.h"
#include "gateway/status.h"

namespace sluice {

int ShowStatus(const Command& command, const Ask& ask) {
  const auto print = [&](const nlohmann::ordered_json& document) {
    std::fputs(command.json ? (document.dump(2) + "\n").c_str() : StatusText(document, PaintFor(stdout)).c_str(), stdout);
    return true;
  };
  return StatusOf(ask({{"command", "status"}}, print));
}

}  // namespace sluice
