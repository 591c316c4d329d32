// Whom the command line asks: the daemon, or the outbox itself if no daemon has it (gateway/offline.h).
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/result.h"

namespace sluice {

/// Sends a request (gateway/control_commands.h) and runs `on_line` for each line of the answer but the last; false ends it early. Blocks.
/// kUnavailable: nobody answers. kInvalid: it is refused, and why.
using Ask =
    std::function<Result<void>(const nlohmann::ordered_json& request, const std::function<bool(const nlohmann::ordered_json&)>& on_line)>;

/// "error: `why`" on stderr, and the exit status of what failed.
int Failed(const std::string& why);
/// The exit status of what was asked, its failure told.
int StatusOf(const Result<void>& asked);

}  // namespace sluice
