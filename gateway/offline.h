// The outbox without a daemon: its lock is taken, its file opened as it is found, and a command carried out by the tasks that a daemon
// would run (gateway/control_commands.h). Nothing is made that is not there, and nothing changes but by what is asked for.
//
// Commands: "status" (what can be known), "outbox.*", "dead-letters.*". A replay is a row of its lane again at once; a daemon sends it when
// it starts.
//
// Blocks; one at a time.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

/// Runs `request`: `on_open` once the outbox is ours, then `on_line` for each line of its answer; false ends it early. kLocked: another
/// process has the outbox. kUnavailable: there is none, or it cannot be opened. kInvalid: the request is refused, and why.
///
/// As root, all is done as the owner of the outbox, so that no file comes to be that the daemon cannot open: the process is that user's
/// afterwards.
Result<void> AskOffline(const Config& config, const nlohmann::ordered_json& request, const std::function<void()>& on_open,
                        const std::function<bool(const nlohmann::ordered_json&)>& on_line);

}  // namespace sluice
