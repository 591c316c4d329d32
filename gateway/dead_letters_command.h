// `sluice dead-letters`: asks the daemon at `socket` and prints its answer. The exit status.
#pragma once

#include <string>

#include "gateway/cli.h"

namespace sluice {

int RunDeadLetters(const Command& command, const std::string& socket);

}  // namespace sluice
