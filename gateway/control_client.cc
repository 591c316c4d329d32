#include "gateway/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "gateway/control_address.h"
#include "gateway/json_text.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

// Between two lines: a disk that fails may take long.
constexpr timeval kPatience{120, 0};

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Connect(const sockaddr_un& address) { return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0; }
  // What is not sent shows when the answer is read.
  void Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// False at the end.
  bool ReadLine(std::string& line) {
    for (;;) {
      if (const std::size_t end = buffer_.find('\n', searched_); end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        searched_ = 0;
        return true;
      }
      searched_ = buffer_.size();
      char chunk[65536];
      const ssize_t size = ::recv(fd_, chunk, sizeof chunk, 0);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return false;
      buffer_.append(chunk, static_cast<std::size_t>(size));
    }
  }

 private:
  const int fd_;
  std::string buffer_;
  std::size_t searched_ = 0;
};

}  // namespace

bool IsUnanswered(const std::string& path) {
  const Result<sockaddr_un> address = ControlAddress(path);
  const int fd = address ? ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
  if (fd < 0) return false;
  Connection connection(fd);
  return !connection.Connect(*address) && (errno == ENOENT || errno == ECONNREFUSED);
}

Result<void> AskDaemon(const std::string& path, const Json& request, const std::function<bool(const Json&)>& on_line) {
  const Result<sockaddr_un> address = ControlAddress(path);
  if (!address) return tl::unexpected<Error>(address.error());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(ErrorCode::kUnavailable, std::strerror(errno));
  Connection connection(fd);
  if (!connection.Connect(*address)) {
    return Fail(ErrorCode::kUnavailable,
                "no daemon answers on " + path + " (" + std::strerror(errno) +
                    "); is it running (systemctl status sluice), as which user, and with this configuration (-c)?");
  }
  connection.Send(JsonText(request) + "\n");
  for (std::string text; connection.ReadLine(text);) {
    const Json line = Json::parse(text, nullptr, false);
    if (!line.is_object()) return Fail(ErrorCode::kUnavailable, "the daemon's answer is not understood");
    if (line.contains("error")) return Fail(ErrorCode::kInvalid, line["error"].is_string() ? line["error"].get<std::string>() : text);
    if (line.contains("end") || !on_line(line)) return {};
  }
  return Fail(ErrorCode::kUnavailable, "the daemon's answer broke off; it may have been stopped, or has a new configuration: ask again");
}

}  // namespace sluice
