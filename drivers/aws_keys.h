// What AWS knows us by.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace sluice {

/// Secret, but for the id.
struct AwsKeys {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;                     ///< Empty for keys that do not expire.
  std::optional<std::chrono::seconds> lifetime;  ///< Counted from the moment they were handed out; none: not known to end.
};

}  // namespace sluice
