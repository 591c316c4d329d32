// The commands "dead-letters.list", ".export", ".replay" and ".purge" of the daemon. All work in pages, so that neither memory nor
// the commits depend on how many letters there are; a client that leaves ends the work after the page that is under way.
//
// list: a line for each letter; export: with all there is of it. replay, purge: {"replayed": n} or {"purged": n} after each page:
// how many so far.
//
// Loop thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gateway/cloud_event.h"
#include "gateway/committer.h"
#include "gateway/control_commands.h"
#include "gateway/ports.h"

namespace sluice {

/// What the tasks work with; all of it outlives them.
struct LetterDesk {
  EventStore& store;
  Committer& committer;
  std::vector<LaneState> lanes;  ///< All of the outbox. Only their names are used.
  Identity identity;
  /// A row as a CloudEvent in JSON.
  std::function<std::string(const Row&)> event_json;
};

void HandleDeadLetters(ControlCommands& commands, const LetterDesk& desk);

}  // namespace sluice
