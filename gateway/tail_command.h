// `sluice tail`: shows events as they come in, until SIGINT, so many, or the end of the daemon. The exit status.
#pragma once

#include "gateway/ask.h"
#include "gateway/cli.h"

namespace sluice {

int TailEvents(const Command& command, const Ask& ask);

}  // namespace sluice
