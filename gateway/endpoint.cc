#include "gateway/endpoint.h"

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

constexpr const char* kExpected = "an address is written https://host[:port]";

// ":8080", or nothing; false if it is something else. `port` stays 0 if there is none.
bool ParsePort(std::string_view text, std::uint16_t& port) {
  if (text.empty()) return true;
  if (text.front() != ':') return false;
  const auto parsed = std::from_chars(text.data() + 1, text.data() + text.size(), port);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && port != 0;
}

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
  const std::string_view authority = url.substr(0, slash);
  const bool ipv6 = authority.starts_with('[');
  const std::size_t end = ipv6 ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (end == std::string_view::npos) return Fail(ErrorCode::kInvalid, kExpected);
  endpoint.host = authority.substr(ipv6 ? 1 : 0, end - (ipv6 ? 1 : 0));
  std::uint16_t port = 0;
  const bool known = std::all_of(endpoint.host.begin(), endpoint.host.end(), ipv6 ? IsIpv6Character : IsHostCharacter);
  if (endpoint.host.empty() || !known || !ParsePort(authority.substr(end + (ipv6 ? 1 : 0)), port)) {
    return Fail(ErrorCode::kInvalid, kExpected);
  }
  endpoint.authority = ipv6 ? "[" + endpoint.host + "]" : endpoint.host;
  if (port != 0 && port != (endpoint.tls ? 443 : 80)) endpoint.authority += ":" + std::to_string(port);
  return endpoint;
}

bool Endpoint::IsLoopback() const {
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && IsIpv4Address(host));
}

}  // namespace sluice
