#include "gateway/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/control_address.h"

namespace sluice {
namespace {

Error ErrnoError(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + std::strerror(errno)};
}

int NewSocket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// A file left by a process that died is ours to remove; anything else is not.
Result<void> RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return Fail(ErrorCode::kUnavailable, path + " is there and is no socket");
  const int probe = NewSocket();
  if (probe < 0) return tl::unexpected<Error>(ErrnoError(path));
  const bool refused = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (!refused) return Fail(ErrorCode::kLocked, path + ": another process answers on it");
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<int> BindUnix(const std::string& path) {
  const Result<sockaddr_un> address = ControlAddress(path);
  if (!address) return tl::unexpected<Error>(address.error());
  if (Result<void> removed = RemoveStale(path, *address); !removed) return tl::unexpected<Error>(removed.error());
  const int fd = NewSocket();
  if (fd < 0) return tl::unexpected<Error>(ErrnoError(path));
  // Before it has a name: there is no moment at which others could connect. The umask takes from this what the group needs.
  ::fchmod(fd, 0600);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 || ::chmod(path.c_str(), 0660) != 0) {
    Error error = ErrnoError(path);
    ::close(fd);
    return tl::unexpected<Error>(std::move(error));
  }
  return fd;
}

}  // namespace sluice
