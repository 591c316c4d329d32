// The command "status" of the daemon: one line, the status document.
//
// Loop thread.
#pragma once

#include <functional>

#include "gateway/control_commands.h"
#include "gateway/status.h"

namespace sluice {

/// `facts` gives all but the counters. `store` outlives the tasks.
ControlHandler StatusHandler(EventStore& store, std::function<StatusFacts()> facts);

}  // namespace sluice
