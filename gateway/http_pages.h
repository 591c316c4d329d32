// What there is over HTTP: which path is what, and who gets it.
//
//   /                     what there is, for a human
//   /metrics              for Prometheus
//   /healthz, /readyz     for whoever watches the process
//   /api/v1/<command>     the commands of gateway/control_commands.h; a dot in a name is a slash here
//
// A command's request is the JSON object in the body of a POST, or the query of a GET: a value there that is a number, `true`, `false` or a
// string in quotes in JSON is that, anything else is text; a name that comes more than once makes an array.
//
// Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/control_commands.h"
#include "gateway/http_guard.h"
#include "gateway/http_message.h"

namespace sluice {

/// A page that takes a while: `done` runs once, maybe from within the call.
using HttpPage = std::function<void(std::function<void(HttpReply)> done)>;

class HttpPages {
 public:
  /// All of it outlives the pages.
  struct Parts {
    const ControlCommands& commands;
    HttpPage metrics;
    HttpPage readiness;
    std::function<std::string()> why_not;  ///< Why no command can be carried out at the moment; empty: they can.
  };
  /// One of these.
  struct Plan {
    std::optional<HttpReply> reply;     ///< At once.
    HttpPage page;                      ///< To be asked for.
    std::unique_ptr<ControlTask> task;  ///< To be begun; answers in lines.
    bool is_stream = false;             ///< The lines of the task may be many.
    bool shows_events = false;          ///< It is for those only who may see events.
  };

  explicit HttpPages(Parts parts) : parts_(std::move(parts)) {}

  /// `answer`: where a task puts its answer; outlives it.
  Plan Find(const HttpRequest& request, const HttpGuard& guard, ControlAnswer& answer) const;

 private:
  Plan FindCommand(const std::string& command, const HttpRequest& request, const HttpGuard& guard, ControlAnswer& answer) const;

  const Parts parts_;
};

}  // namespace sluice
