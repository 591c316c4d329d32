#include "gateway/http_message.h"

#include <nlohmann/json.hpp>

#include "gateway/json_text.h"

namespace sluice {

HttpReply ErrorReply(unsigned status, const std::string& reason) {
  return {.status = status, .type = kJsonType, .body = JsonText(nlohmann::json{{"error", reason}}) + "\n"};
}

}  // namespace sluice
