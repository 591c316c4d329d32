#include "gateway/http_listener.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "gateway/host_port.h"
#include "gateway/unix_listener.h"

namespace sluice {
namespace {

constexpr int kBacklog = 64;

struct IpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

IpAddress IpOf(const HttpAddress& address) {
  IpAddress ip;
  if (address.host.find(':') != std::string::npos) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&ip.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr);
    ip.size = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&ip.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr);
    ip.size = sizeof *v4;
  }
  return ip;
}

Result<int> BindIp(const HttpAddress& address) {
  const IpAddress ip = IpOf(address);
  const int fd = ::socket(ip.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;  // A restart need not wait for connections of the process before to be forgotten.
  if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&ip.storage), ip.size) == 0) return fd;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  return Fail(error == EADDRINUSE ? ErrorCode::kLocked : ErrorCode::kUnavailable,
              HostInUrl(address.host) + ":" + std::to_string(address.port) + ": " + std::strerror(error));
}

}  // namespace

Result<int> ListenForHttp(const HttpAddress& address) {
  Result<int> fd = address.IsUnix() ? BindUnix(address.path) : BindIp(address);
  if (!fd || ::listen(*fd, kBacklog) == 0) return fd;
  const std::string reason = std::strerror(errno);
  ::close(*fd);
  return Fail(ErrorCode::kUnavailable, "cannot listen for HTTP: " + reason);
}

}  // namespace sluice
