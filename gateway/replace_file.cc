#include "gateway/replace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "gateway/sync_directory.h"

namespace sluice {
namespace {

Error ErrnoError(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + std::strerror(errno)};
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<void> WriteNew(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected<Error>(ErrnoError(path));
  const bool written = WriteAll(fd, text) && ::fsync(fd) == 0;
  Result<void> result = written ? Result<void>() : tl::unexpected<Error>(ErrnoError(path));
  ::close(fd);
  return result;
}

}  // namespace

Result<void> ReplaceFile(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  if (Result<void> written = WriteNew(temporary, text); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return tl::unexpected<Error>(ErrnoError(path));
  SyncDirectory(path);
  return {};
}

}  // namespace sluice
