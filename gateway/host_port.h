// Where something listens, as URLs write it: host, host:port, [IPv6 address] or [IPv6 address]:port.
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct HostPort {
  std::string host;        ///< Without the brackets of an IPv6 address.
  std::uint16_t port = 0;  ///< 0: none was given.

  bool IsIpv6() const { return host.find(':') != std::string::npos; }

  /// Nothing if it is something else. Which characters a host has is the caller's concern.
  static std::optional<HostPort> Parse(std::string_view text);
};

/// The host as a URL has it: an IPv6 address in brackets.
std::string HostInUrl(const std::string& host);

}  // namespace sluice
