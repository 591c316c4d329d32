#include "gateway/http_guard.h"

#include <openssl/crypto.h>
#include <strings.h>

#include <algorithm>
#include <string_view>

#include "gateway/host_port.h"
#include "gateway/http_address.h"

namespace sluice {
namespace {

constexpr std::string_view kBearer = "Bearer ";

// In a time that depends on the lengths only.
bool IsEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool IsSameName(const std::string& a, const std::string& b) {
  return strcasecmp(a.c_str(), b.c_str()) == 0;
}

}  // namespace

bool HttpGuard::IsOurs(const std::string& host, const std::string& own_ip) const {
  if (IsSameName(host, "localhost") || HttpAddress::IsLoopback(host) || IsSameName(host, own_ip)) return true;
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const std::string& name) { return IsSameName(name, host); });
}

std::optional<HttpReply> HttpGuard::CheckHost(const HttpRequest& request) const {
  if (!request.over_tcp) return std::nullopt;
  std::optional<HostPort> where = HostPort::Parse(request.host);
  if (where && where->host.ends_with('.')) where->host.pop_back();
  if (where && IsOurs(where->host, request.own_ip)) return std::nullopt;
  return ErrorReply(421, "this gateway is not known as `" + request.host + "`; if it is to be, add the name to http.hosts");
}

std::optional<HttpReply> HttpGuard::CheckToken(const HttpRequest& request) const {
  if (!request.over_tcp) return std::nullopt;
  if (token_.empty()) {
    return ErrorReply(403,
                      "this needs a token, and the configuration has none (http.token); it can be done over the Unix socket, or with "
                      "the command line");
  }
  const std::string_view shown = request.authorization;
  const bool is_bearer = shown.size() > kBearer.size() && strncasecmp(shown.data(), kBearer.data(), kBearer.size()) == 0;
  if (is_bearer && IsEqual(shown.substr(kBearer.size()), token_)) return std::nullopt;
  HttpReply reply = ErrorReply(401, "this needs the token of http.token: `Authorization: Bearer TOKEN`");
  reply.challenge = true;
  return reply;
}

}  // namespace sluice
