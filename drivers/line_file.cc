#include "drivers/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace sluice {
namespace {

std::string Numbered(const std::string& path, int n) {
  return n == 0 ? path : path + "." + std::to_string(n);
}

void SyncParent(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

LineFile::~LineFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> LineFile::Failure(const std::string& what) {
  const std::string reason = std::strerror(errno);
  // Opened again before the next use, which cuts what is torn. A failed fsync is not trusted.
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  return Fail(ErrorCode::kUnavailable, what + " " + config_.path + ": " + reason);
}

Result<void> LineFile::Append(std::string_view lines) {
  if (fd_ >= 0 && !IsInPlace()) {
    ::close(fd_);
    fd_ = -1;
  }
  if (fd_ < 0) {
    if (Result<void> opened = Open(); !opened) return opened;
  }
  const off_t before = size_;
  for (std::string_view rest = lines; !rest.empty();) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      [[maybe_unused]] const int cut = ::ftruncate(fd_, before);
      errno = error;
      return Failure("cannot write");
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fdatasync(fd_) != 0) return Failure("cannot sync");
  size_ += static_cast<off_t>(lines.size());
  if (static_cast<Bytes>(size_) >= config_.rotate_bytes) return Rotate();
  return {};
}

Result<void> LineFile::Open() {
  fd_ = ::open(config_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd_ < 0) return Failure("cannot open");
  size_ = ::lseek(fd_, 0, SEEK_END);
  SyncParent(config_.path);
  return CutTornLine();
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
  off_t end = size_;
  while (end > 0) {
    const off_t start = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
    const ssize_t got = ::pread(fd_, block.data(), static_cast<std::size_t>(end - start), start);
    if (got != end - start) return Failure("cannot read");
    const void* newline = ::memrchr(block.data(), '\n', static_cast<std::size_t>(got));
    if (newline != nullptr) {
      end = start + (static_cast<const char*>(newline) - block.data()) + 1;
      break;
    }
    end = start;
  }
  if (end == size_) return {};
  if (::ftruncate(fd_, end) != 0 || ::fsync(fd_) != 0) return Failure("cannot cut a torn line of");
  size_ = end;
  return {};
}

Result<void> LineFile::Rotate() {
  ::close(fd_);
  fd_ = -1;
  int last = 1;
  while (std::filesystem::exists(Numbered(config_.path, last)) && (config_.keep_files == 0 || last < config_.keep_files)) ++last;
  for (int n = last; n > 0; --n) ::rename(Numbered(config_.path, n - 1).c_str(), Numbered(config_.path, n).c_str());
  SyncParent(config_.path);
  return {};  // The lines are durable; the new file is opened when there is something to write.
}

}  // namespace sluice
