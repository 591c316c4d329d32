// The commands "dead-letters.list", ".export", ".replay" and ".purge" of the daemon. All work in pages, so that neither memory nor
// the commits depend on how many letters there are; a client that leaves ends the work after the page that is under way.
//
// list: a line for each letter; export: with all there is of it. replay, purge: {"replayed": n} or {"purged": n} after each page:
// how many so far.
//
// Loop thread.
#pragma once

#include "gateway/control_commands.h"
#include "gateway/outbox_desk.h"

namespace sluice {

/// `desk` outlives the tasks.
void HandleDeadLetters(ControlCommands& commands, const OutboxDesk& desk);

}  // namespace sluice
