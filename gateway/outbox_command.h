// `sluice outbox`: asks and prints the answer. The exit status.
#pragma once

#include "gateway/ask.h"
#include "gateway/cli.h"

namespace sluice {

int RunOutbox(const Command& command, const Ask& ask);

}  // namespace sluice
