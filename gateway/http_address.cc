#include "gateway/http_address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <optional>

#include "gateway/host_port.h"

namespace sluice {
namespace {

bool IsIp(const std::string& text) {
  in6_addr any{};
  return inet_pton(AF_INET, text.c_str(), &any) == 1 || inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

Result<HttpAddress> ParsePath(std::string_view path) {
  constexpr std::size_t kMax = sizeof(sockaddr_un::sun_path) - 1;
  if (!path.starts_with('/')) return Fail(ErrorCode::kInvalid, "after `unix:` comes the path of a socket, from the root on");
  if (path.size() > kMax)
    return Fail(ErrorCode::kInvalid,
                "the path of a socket has at most " + std::to_string(kMax) + " bytes, this one " + std::to_string(path.size()));
  HttpAddress address;
  address.path = path;
  return address;
}

}  // namespace

Result<HttpAddress> HttpAddress::Parse(std::string_view text) {
  if (text.starts_with("unix:")) return ParsePath(text.substr(5));
  const std::optional<HostPort> where = HostPort::Parse(text);
  if (!where) return Fail(ErrorCode::kInvalid, "write host:port, as in \"127.0.0.1:9807\" or \"[::1]:9807\", or \"unix:/path\"");
  HttpAddress address;
  address.host = where->host == "localhost" ? "127.0.0.1" : where->host;
  address.port = where->port != 0 ? where->port : kDefaultPort;
  if (!IsIp(address.host))
    return Fail(ErrorCode::kInvalid, "`" + where->host + "` is a name; listen on an IP address of this machine, or on 0.0.0.0 for all");
  return address;
}

bool HttpAddress::IsLoopback(std::string_view ip) {
  const std::string text(ip);
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace sluice
