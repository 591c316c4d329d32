// `sluice reload`: has the daemon take up its configuration, and prints what changed. The exit status: kExitUsage if the new
// configuration has mistakes.
#pragma once

#include "gateway/ask.h"
#include "gateway/cli.h"

namespace sluice {

int Reload(const Command& command, const Ask& ask);

}  // namespace sluice
