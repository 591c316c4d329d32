#include "gateway/status_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "gateway/control_client.h"
#include "gateway/status.h"

namespace sluice {

int ShowStatus(const Command& command, const std::string& socket) {
  const auto print = [&](const nlohmann::ordered_json& document) {
    std::fputs(command.json ? (document.dump(2) + "\n").c_str() : StatusText(document).c_str(), stdout);
    return true;
  };
  const Result<void> asked = AskDaemon(socket, {{"command", "status"}}, print);
  if (asked) return kExitOk;
  std::fprintf(stderr, "error: %s\n", asked.error().message.c_str());
  return kExitFailed;
}

}  // namespace sluice
