// A non-blocking TCP socket on the loop.
//
// Loop thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>

#include "gateway/fd_watch.h"
#include "gateway/loop.h"

namespace sluice {

/// A socket that is watched by the loop. Owns the descriptor; destroying it closes it, and no callback comes any more.
class Socket {
 public:
  /// Takes over `fd` and makes it non-blocking.
  Socket(Loop& loop, int fd);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// `events`: UV_READABLE | UV_WRITABLE, or 0 for none. The callback may destroy the socket.
  void Watch(int events, std::function<void(int events)> on_ready);
  void SetEvents(int events) { watch_.SetEvents(events); }

  int fd() const { return fd_; }

  /// > 0: bytes; 0: the peer has closed; -1: nothing now; -2: broken.
  static constexpr ssize_t kNothingNow = -1;
  static constexpr ssize_t kBroken = -2;
  ssize_t Receive(char* buffer, std::size_t size);
  /// >= 0: bytes taken; or kBroken.
  ssize_t Send(const char* data, std::size_t size);
  /// Tells the peer at once that what is here has come. Until it knows, a peer with Nagle's algorithm holds its next small piece back, and
  /// the kernel would take some 40 ms.
  void AcknowledgeNow();
  /// The peer reads an end of file behind what was sent.
  void EndSending();

 private:
  const int fd_;
  FdWatch watch_;
};

}  // namespace sluice
