#include "drivers/line_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "gateway/sync_directory.h"

namespace sluice {
namespace {

// Others of us hold the lock for the time of a write into the page cache.
constexpr std::chrono::seconds kPatience{1};
constexpr std::chrono::milliseconds kPoll{1};

std::string Numbered(const std::string& path, int n) {
  return n == 0 ? path : path + "." + std::to_string(n);
}

}  // namespace

LineFile::~LineFile() {
  Close();
}

void LineFile::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

// Opened again before the next use: a failed fsync is not trusted, and the lock goes with the descriptor.
Result<void> LineFile::Failure(const std::string& what) {
  const std::string reason = std::strerror(errno);
  Close();
  return Fail(ErrorCode::kUnavailable, what + " " + config_.path + ": " + reason);
}

Result<void> LineFile::Append(std::string_view lines) {
  if (Result<void> locked = Lock(); !locked) return locked;
  if (Result<void> cut = CutTornLine(); !cut) return cut;
  if (Result<void> written = Write(lines); !written) return written;
  if (static_cast<Bytes>(size_) >= config_.rotate_bytes) {
    if (Result<void> rotated = Rotate(); !rotated) return rotated;
  }
  ::flock(fd_, LOCK_UN);
  // The others need not wait for this; it makes lines of theirs durable, too.
  if (::fdatasync(fd_) != 0) return Failure("cannot sync");
  return {};
}

// Polled, since a wait for a lock has no time limit of its own.
Result<void> LineFile::Lock() {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (!IsInPlace()) {
      if (Result<void> opened = Open(); !opened) return opened;
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
      if (IsInPlace()) return Measure();
    } else if (errno == EWOULDBLOCK) {
      std::this_thread::sleep_for(kPoll);
    } else if (errno != EINTR) {
      return Failure("cannot lock");
    }
  }
  Close();
  return Fail(ErrorCode::kLocked, "cannot write " + config_.path + ": another process holds a lock on it (lslocks tells which)");
}

Result<void> LineFile::Open() {
  Close();
  fd_ = ::open(config_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd_ < 0) return Failure("cannot open");
  SyncDirectory(config_.path);
  return {};
}

Result<void> LineFile::Measure() {
  size_ = ::lseek(fd_, 0, SEEK_END);
  if (size_ < 0) return Failure("cannot seek in");
  return {};
}

Result<void> LineFile::Write(std::string_view lines) {
  for (std::string_view rest = lines; !rest.empty();) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      [[maybe_unused]] const int cut = ::ftruncate(fd_, size_);
      errno = error;
      return Failure("cannot write");
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  size_ += static_cast<off_t>(lines.size());
  return {};
}

// Someone may have moved or deleted the file (logrotate, or an operator): lines belong to what bears the name.
bool LineFile::IsInPlace() const {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd_, &open) == 0 && ::stat(config_.path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

Result<void> LineFile::CutTornLine() {
  std::array<char, 64 * 1024> block{};
  off_t length = 1;  // Mostly the last line is whole.
  off_t end = size_;
  while (end > 0) {
    const off_t start = std::max<off_t>(0, end - length);
    const ssize_t got = ::pread(fd_, block.data(), static_cast<std::size_t>(end - start), start);
    if (got != end - start) return Failure("cannot read");
    const void* newline = ::memrchr(block.data(), '\n', static_cast<std::size_t>(got));
    if (newline != nullptr) {
      end = start + (static_cast<const char*>(newline) - block.data()) + 1;
      break;
    }
    end = start;
    length = block.size();
  }
  if (end == size_) return {};
  if (::ftruncate(fd_, end) != 0 || ::fsync(fd_) != 0) return Failure("cannot cut a torn line of");
  size_ = end;
  return {};
}

Result<void> LineFile::Rotate() {
  // In a file that has lost the name nobody would look for a torn line.
  if (::fdatasync(fd_) != 0) return Failure("cannot sync");
  int last = 1;
  while (std::filesystem::exists(Numbered(config_.path, last)) && (config_.keep_files == 0 || last < config_.keep_files)) ++last;
  // From the oldest on, so that the one that gives up the name, and with it the lock, is the last.
  for (int n = last; n > 0; --n) ::rename(Numbered(config_.path, n - 1).c_str(), Numbered(config_.path, n).c_str());
  SyncDirectory(config_.path);
  return {};
}

}  // namespace sluice
