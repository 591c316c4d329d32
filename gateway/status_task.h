// The command "status" of the control socket: one line, the status document.
//
// Loop thread.
#pragma once

#include <functional>

#include "gateway/control_socket.h"
#include "gateway/status.h"

namespace sluice {

/// `facts` gives all but the counters. `store` outlives the tasks.
ControlHandler StatusHandler(EventStore& store, std::function<StatusFacts()> facts);

}  // namespace sluice
