// What a daemon does when it is asked: commands by name, each a task that answers in lines of JSON. How they are asked is another's
// business (gateway/control_socket.h).
//
// Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "gateway/result.h"

namespace sluice {

/// Where a task puts its answer.
class ControlAnswer {
 public:
  virtual ~ControlAnswer() = default;
  /// False once the client is gone: nothing more need be made.
  virtual bool IsWanted() const = 0;
  /// Whole lines. The task's Next runs when the client has taken them or is gone; maybe from within the call.
  virtual void Send(std::string lines) = 0;
  /// The answer is complete. Each task comes here once, with End or Fail; nothing of it runs after.
  virtual void End() = 0;
  virtual void Fail(const std::string& reason) = 0;
};

/// A request that is being carried out. Lives until it has ended its answer, also if the client leaves, so that its callbacks may name it.
class ControlTask {
 public:
  virtual ~ControlTask() = default;
  /// The moment to go on: at first, and whenever what was sent is taken.
  virtual void Next() = 0;
  /// It asks the gateway at work for something that takes several turns. Such a task ends before that gateway is stopped,
  virtual bool NeedsGateway() const { return false; }
  /// this one after another has taken its place; all others end in between.
  virtual bool OutlivesReload() const { return false; }
};

/// A reload ends the task: before the gateway is stopped (`only_of_gateway`), or once another has taken its place.
inline bool EndsWithReload(const ControlTask& task, bool only_of_gateway) {
  return !task.OutlivesReload() && (!only_of_gateway || task.NeedsGateway());
}

/// Makes the task of one command; kInvalid: the request makes no sense, and why.
using ControlHandler = std::function<Result<std::unique_ptr<ControlTask>>(const nlohmann::json& request, ControlAnswer& answer)>;

/// What a command does, and so who may ask for it where not everybody may do everything (gateway/http_guard.h).
enum class CommandKind {
  kDocument,  ///< Tells in one line how the gateway is doing.
  kReport,    ///< Likewise, in any number of lines.
  kEvents,    ///< Shows events of the plant.
  kChange,    ///< Changes something.
};

class ControlCommands {
 public:
  void Add(const std::string& command, ControlHandler handler, CommandKind kind = CommandKind::kChange) {
    commands_[command] = {std::move(handler), kind};
  }
  /// Nothing: there is no such command.
  std::optional<CommandKind> KindOf(const std::string& command) const;
  /// The task of `request`, an object whose member "command" is the name. kInvalid: it makes no sense, and why.
  Result<std::unique_ptr<ControlTask>> Make(const nlohmann::json& request, ControlAnswer& answer) const;

 private:
  struct Command {
    ControlHandler handler;
    CommandKind kind;
  };
  std::map<std::string, Command> commands_;
};

}  // namespace sluice
