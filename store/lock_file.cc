#include "store/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice {

Result<LockFile> LockFile::Acquire(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Fail(ErrorCode::kUnavailable, path + ": " + std::strerror(errno));
  LockFile lock(fd);
  char holder[32] = {};
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const ssize_t size = ::pread(fd, holder, sizeof holder - 1, 0);
    const std::string pid = size > 0 ? std::string(holder, static_cast<std::size_t>(size)) : "unknown";
    return Fail(ErrorCode::kLocked, path + " is held by process " + pid.substr(0, pid.find('\n')) + ": another sluice runs on this outbox");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  // Only for people and the message above; the lock is the flock.
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) return lock;
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LockFile::~LockFile() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace sluice
