// `sluice status`: asks and prints the answer. The exit status.
#pragma once

#include "gateway/ask.h"
#include "gateway/cli.h"

namespace sluice {

int ShowStatus(const Command& command, const Ask& ask);

}  // namespace sluice
