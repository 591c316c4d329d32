// The commands "outbox.stats", ".list", ".export", ".purge" and ".move" of the daemon. All work in pages, so that neither memory nor the
// commits depend on how many rows wait; a client that leaves ends the work after the page that is under way.
//
// stats: one line; the ledger and the room of each lane and source, and whether a lane is orphaned: its sink is not configured any more.
// list: a line for each row that waits ("ids", or "all" with "sink" and "class"; "limit"); export: with all there is of it.
// purge {"lane": "SINK/CLASS"}: gives up all that an orphaned lane holds; {"purged": n} after each page: how many so far.
// move {"lane": "SINK/CLASS", "to": "SINK/CLASS", "destination"}: into another lane, under their seqs and so their ids; {"moved": n,
// "stay": n} after each page. It ends, with what was moved so far moved, at a row whose destination the other sink cannot have. Damaged
// rows stay.
//
// Loop thread.
#pragma once

#include "gateway/control_commands.h"
#include "gateway/outbox_desk.h"

namespace sluice {

/// `desk` outlives the tasks.
void HandleOutbox(ControlCommands& commands, const OutboxDesk& desk);

}  // namespace sluice
