#include "gateway/control_commands.h"

#include <nlohmann/json.hpp>

namespace sluice {

Result<std::unique_ptr<ControlTask>> ControlCommands::Make(const nlohmann::json& request, ControlAnswer& answer) const {
  if (!request.is_object() || !request.contains("command") || !request["command"].is_string())
    return Fail(ErrorCode::kInvalid, "a request is a line of JSON with a \"command\"");
  const auto handler = handlers_.find(request["command"].get<std::string>());
  if (handler == handlers_.end()) return Fail(ErrorCode::kInvalid, "there is no such command");
  return handler->second(request, answer);
}

}  // namespace sluice
