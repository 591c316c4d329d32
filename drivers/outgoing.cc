#include "drivers/outgoing.h"

namespace sluice {

bool Outgoing::SendTo(Socket& socket) {
  if (bytes_.empty()) return true;
  const ssize_t sent = socket.Send(bytes_.data() + sent_, bytes_.size() - sent_);
  if (sent < 0) return false;
  sent_ += static_cast<std::size_t>(sent);
  if (sent_ < bytes_.size()) return true;
  bytes_.clear();
  sent_ = 0;
  return true;
}

bool Outgoing::SendTo(Socket& socket, std::string_view bytes) {
  const ssize_t sent = socket.Send(bytes.data(), bytes.size());
  if (sent < 0) return false;
  bytes_ = bytes.substr(static_cast<std::size_t>(sent));
  return true;
}

}  // namespace sluice
