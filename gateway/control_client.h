// The command line's side of the control socket (gateway/control_socket.h). Blocks.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/result.h"

namespace sluice {

/// No process answers at `path`: there is no socket, or one that a dead process left.
bool IsUnanswered(const std::string& path);

/// Sends `request` to the daemon at `path` and runs `on_line` for each line of its answer but the last; false ends it early. kUnavailable:
/// no daemon answers; kInvalid: it refuses, and why.
Result<void> AskDaemon(const std::string& path, const nlohmann::ordered_json& request,
                       const std::function<bool(const nlohmann::ordered_json&)>& on_line);

}  // namespace sluice
