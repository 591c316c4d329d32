// The daemon: makes everything that one configuration asks for, runs it, and ends it in the order of the flow. With main.cc the only place
// that knows everybody.
#pragma once

#include "gateway/cli.h"

namespace sluice {

/// `sluice run`: returns when the daemon has stopped, with its exit status. Blocks.
int RunDaemon(const Command& command);

}  // namespace sluice
