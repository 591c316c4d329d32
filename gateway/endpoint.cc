#include "gateway/endpoint.h"

#include <algorithm>
#include <optional>

#include "gateway/host_port.h"

namespace sluice {
namespace {

constexpr const char* kExpected = "an address is written https://host[:port]";

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool IsIpv6Character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool IsIpv4Address(std::string_view host) {
  return std::count(host.begin(), host.end(), '.') == 3 && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

Result<Endpoint> Endpoint::Parse(std::string_view url) {
  Endpoint endpoint;
  endpoint.tls = url.starts_with("https://");
  if (!endpoint.tls && !url.starts_with("http://")) return Fail(ErrorCode::kInvalid, kExpected);
  url.remove_prefix(endpoint.tls ? 8 : 7);
  const std::size_t slash = std::min(url.find('/'), url.size());
  endpoint.path = url.substr(slash);
  if (endpoint.path.find_first_of("?# \t\r\n") != std::string::npos) return Fail(ErrorCode::kInvalid, kExpected);
  const std::optional<HostPort> where = HostPort::Parse(url.substr(0, slash));
  if (!where) return Fail(ErrorCode::kInvalid, kExpected);
  endpoint.host = where->host;
  if (!std::all_of(endpoint.host.begin(), endpoint.host.end(), where->IsIpv6() ? IsIpv6Character : IsHostCharacter)) {
    return Fail(ErrorCode::kInvalid, kExpected);
  }
  endpoint.authority = HostInUrl(endpoint.host);
  const int usual = endpoint.tls ? 443 : 80;
  if (where->port != 0 && where->port != usual) endpoint.authority += ":" + std::to_string(where->port);
  return endpoint;
}

bool Endpoint::IsLoopback() const {
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && IsIpv4Address(host));
}

}  // namespace sluice
