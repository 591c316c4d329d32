#include "gateway/control_address.h"

#include <sys/socket.h>

#include <cstring>

namespace sluice {

Result<sockaddr_un> ControlAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Fail(ErrorCode::kInvalid, "the path of a socket has at most " + std::to_string(sizeof address.sun_path - 1) +
                                         " bytes, this one " + std::to_string(path.size()) + ": " + path +
                                         "; set control.socket to a shorter one");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace sluice
