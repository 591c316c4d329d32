// `sluice rules list` and `sluice rules test`. The exit status.
#pragma once

#include <functional>
#include <string>

#include "config/config.h"
#include "gateway/ask.h"
#include "gateway/cli.h"
#include "gateway/result.h"

namespace sluice {

int ListRules(const Command& command, const Ask& ask);

/// Runs each scenario of the command. `load`: a configuration by its path; its mistakes are printed already when it fails.
int TestRules(const Command& command, const std::function<Result<Config>(const std::string& path)>& load);

}  // namespace sluice
