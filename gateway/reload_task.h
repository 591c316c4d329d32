// The command "reload" of the daemon: {"command": "reload", "dry_run": true} only tells what would change.
//
// Lines: {"warning": "..."}, {"mistake": "..."}, {"change": {"pointer", "before", "after"}}, each as text too ("text"); at the end
// {"applied": true|false}, or an error: then all is as it was.
//
// Loop thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/difference.h"
#include "config/load.h"
#include "gateway/control_commands.h"

namespace sluice {

/// What became of a reload.
struct ReloadOutcome {
  std::vector<Mistake> warnings;
  std::vector<Mistake> mistakes;
  std::vector<ConfigChange> changes;
  bool applied = false;
  std::string failure;  ///< Why the old configuration goes on; empty: it does not, or nothing was to be done.
};

/// Reloads, or only tells what a reload would do; `done` runs once.
using Reloader = std::function<void(bool dry_run, std::function<void(const ReloadOutcome&)> done)>;

ControlHandler ReloadHandler(Reloader reload);

}  // namespace sluice
