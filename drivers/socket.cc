#include "drivers/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sluice {

Socket::Socket(Loop& loop, int fd) : fd_(fd), watch_(loop, fd, nullptr) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Socket::~Socket() {
  watch_.SetEvents(0);
  ::close(fd_);
}

void Socket::Watch(int events, std::function<void(int)> on_ready) {
  watch_.SetCallback(std::move(on_ready));
  watch_.SetEvents(events);
}

ssize_t Socket::Receive(char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = ::recv(fd_, buffer, size, 0);
    if (got >= 0) return got;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? kNothingNow : kBroken;
  }
}

ssize_t Socket::Send(const char* data, std::size_t size) {
  for (;;) {
    const ssize_t sent = ::send(fd_, data, size, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : kBroken;
  }
}

void Socket::AcknowledgeNow() {
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void Socket::EndSending() {
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace sluice
