#include "drivers/ack_gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "drivers/connect_request.h"
#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxVisitors = 16;
constexpr std::chrono::milliseconds kPatience{5'000};
// Bounds what the kernel holds for a client that does not read.
constexpr int kSocketBuffer = 256 * 1024;

Result<std::string> DrawPassword() {
  std::array<unsigned char, 24> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return Fail(ErrorCode::kUnavailable, "the system has no random numbers");
  }
  std::string password;
  for (unsigned char byte : random) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", byte);
    password += hex;
  }
  return password;
}

Result<int> Listen(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(ErrorCode::kUnavailable, std::string("no socket for the ack gate: ") + std::strerror(errno));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 16) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Fail(ErrorCode::kUnavailable, std::string("the ack gate cannot listen on 127.0.0.1: ") + std::strerror(errno));
  }
  port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

Result<std::unique_ptr<AckGate>> AckGate::Open(Loop& loop) {
  Result<std::string> password = DrawPassword();
  if (!password) return tl::unexpected<Error>(password.error());
  std::uint16_t port = 0;
  Result<int> fd = Listen(port);
  if (!fd) return tl::unexpected<Error>(fd.error());
  return std::unique_ptr<AckGate>(new AckGate(loop, *fd, port, std::move(*password)));
}

AckGate::AckGate(Loop& loop, int fd, std::uint16_t port, std::string password)
    : loop_(loop), listener_(loop, fd), port_(port), password_(std::move(password)) {
  listener_.Watch(UV_READABLE, [this](int) { OnVisitor(); });
}

void AckGate::Expect(const std::string& name, Joined joined) {
  expected_[name] = std::move(joined);
}

void AckGate::Forget(const std::string& name) {
  expected_.erase(name);
}

std::string AckGate::Authority(const std::string& name) const {
  return name + ":" + password_ + "@127.0.0.1:" + std::to_string(port_);
}

void AckGate::OnVisitor() {
  const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  auto visitor = visitors_.insert(visitors_.end(), Visitor{std::make_unique<Socket>(loop_, fd), nullptr, ""});
  if (visitors_.size() > kMaxVisitors) return Refuse(visitor, "too many at once");
  visitor->patience = loop_.NewTimer([this, visitor] { Refuse(visitor, "no request in time"); });
  visitor->patience->Start(kPatience);
  visitor->socket->Watch(UV_READABLE, [this, visitor](int) { OnHead(visitor); });
}

void AckGate::OnHead(Visitors::iterator visitor) {
  std::array<char, 1024> buffer{};
  const ssize_t got = visitor->socket->Receive(buffer.data(), buffer.size());
  if (got == Socket::kNothingNow) return;
  if (got <= 0) {
    visitors_.erase(visitor);
    return;
  }
  visitor->head.append(buffer.data(), static_cast<std::size_t>(got));
  const std::size_t end = FindHeadEnd(visitor->head);
  if (end == visitor->head.size()) return Admit(visitor);
  if (end != std::string::npos) return Refuse(visitor, "it did not wait for the answer");
  if (visitor->head.size() > kMaxHttpHead) Refuse(visitor, "its request is too long");
}

void AckGate::Admit(Visitors::iterator visitor) {
  Result<ConnectRequest> request = ParseConnectRequest(visitor->head);
  if (!request) return Refuse(visitor, request.error().message);
  if (!SecretsAreEqual(request->password, password_)) return Refuse(visitor, "wrong password");
  const auto expected = expected_.find(request->user);
  if (expected == expected_.end()) return Refuse(visitor, "nobody of this name is expected");
  const Joined joined = std::move(expected->second);
  expected_.erase(expected);
  std::unique_ptr<Socket> socket = std::move(visitor->socket);
  visitors_.erase(visitor);
  constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\n\r\n";
  socket->Send(kAnswer.data(), kAnswer.size());  // A fresh socket has room; if it is broken, the first read tells.
  joined(std::move(socket));
}

void AckGate::Refuse(Visitors::iterator visitor, const std::string& why) {
  Log(LogLevel::kWarning, "gate", "refused a client on the loopback port", {{"reason", why}});
  constexpr std::string_view kAnswer = "HTTP/1.1 407 Proxy Authentication Required\r\nConnection: close\r\n\r\n";
  visitor->socket->Send(kAnswer.data(), kAnswer.size());
  visitors_.erase(visitor);
}

}  // namespace sluice
