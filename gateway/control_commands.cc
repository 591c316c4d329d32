#include "gateway/control_commands.h"

#include <nlohmann/json.hpp>

namespace sluice {

std::optional<CommandKind> ControlCommands::KindOf(const std::string& command) const {
  const auto found = commands_.find(command);
  return found == commands_.end() ? std::nullopt : std::optional(found->second.kind);
}

Result<std::unique_ptr<ControlTask>> ControlCommands::Make(const nlohmann::json& request, ControlAnswer& answer) const {
  if (!request.is_object() || !request.contains("command") || !request["command"].is_string())
    return Fail(ErrorCode::kInvalid, "a request is a line of JSON with a \"command\"");
  const auto command = commands_.find(request["command"].get<std::string>());
  if (command == commands_.end()) return Fail(ErrorCode::kInvalid, "there is no such command");
  return command->second.handler(request, answer);
}

}  // namespace sluice
