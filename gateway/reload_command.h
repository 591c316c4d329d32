// `sluice reload`: has the daemon at `socket` take up its configuration, and prints what changed. The exit status: kExitUsage if the new
// configuration has mistakes.
#pragma once

#include <string>

#include "gateway/cli.h"

namespace sluice {

int Reload(const Command& command, const std::string& socket);

}  // namespace sluice
