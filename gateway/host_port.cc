#include "gateway/host_port.h"

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

// ":8080", or nothing; false if it is something else.
bool ParsePort(std::string_view text, std::uint16_t& port) {
  if (text.empty()) return true;
  if (text.front() != ':') return false;
  const auto parsed = std::from_chars(text.data() + 1, text.data() + text.size(), port);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && port != 0;
}

}  // namespace

std::optional<HostPort> HostPort::Parse(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  if (bracketed) text.remove_prefix(1);
  const std::size_t end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  HostPort result{std::string(text.substr(0, end)), 0};
  if (result.IsIpv6() != bracketed || !ParsePort(text.substr(end + (bracketed ? 1 : 0)), result.port)) return std::nullopt;
  return result;
}

std::string HostInUrl(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace sluice
