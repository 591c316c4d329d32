// The address of an HTTP service: https://host[:port][/path], or http:// where nobody is in between to listen.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/result.h"

namespace sluice {

struct Endpoint {
  bool tls = true;
  std::string host;       ///< Without the brackets of an IPv6 address.
  std::string authority;  ///< host, or host:port if the port is not the scheme's own: as in the header "Host".
  std::string path;       ///< Empty, or from "/" on.

  /// kInvalid says what is wrong. User names, queries and fragments have no place in an endpoint.
  static Result<Endpoint> Parse(std::string_view url);

  std::string Url() const { return (tls ? "https://" : "http://") + authority + path; }
  /// True if the host is this machine: localhost, 127.0.0.0/8 or ::1.
  bool IsLoopback() const;
};

}  // namespace sluice
