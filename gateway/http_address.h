// Where HTTP is served: "host:port", as in "127.0.0.1:9807" or "[::1]:9807", or "unix:/path".
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/result.h"

namespace sluice {

struct HttpAddress {
  static constexpr std::uint16_t kDefaultPort = 9807;

  std::string path;  ///< Of a Unix socket; empty: host and port.
  std::string host;  ///< An IP address.
  std::uint16_t port = 0;

  bool IsUnix() const { return !path.empty(); }
  /// Only this machine reaches it.
  bool IsLocal() const { return IsUnix() || IsLoopback(host); }

  /// kInvalid: it is none, and why. Names are not looked up, `localhost` aside: a DNS server that is away must not hold up a start.
  static Result<HttpAddress> Parse(std::string_view text);

  /// 127.0.0.0/8 or ::1.
  static bool IsLoopback(std::string_view ip);
};

}  // namespace sluice
