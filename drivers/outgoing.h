// Bytes on their way into a socket: what it does not take at once waits here.
//
// Loop thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "drivers/socket.h"

namespace sluice {

class Outgoing {
 public:
  bool IsEmpty() const { return bytes_.empty(); }
  /// Behind what waits.
  void Append(std::string_view bytes) { bytes_ += bytes; }
  /// Sends what the socket takes now. False: it is broken.
  bool SendTo(Socket& socket);
  /// As Append and SendTo, without copying what is taken at once. REQUIRES: IsEmpty().
  bool SendTo(Socket& socket, std::string_view bytes);

 private:
  std::string bytes_;
  std::size_t sent_ = 0;  // Of bytes_.
};

}  // namespace sluice
