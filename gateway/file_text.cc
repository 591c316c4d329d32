#include "gateway/file_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice {

Result<std::string> FileText(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Fail(ErrorCode::kUnavailable, std::strerror(errno));
  std::string text;
  std::array<char, 65536> chunk;
  ssize_t size = 0;
  while ((size = ::read(fd, chunk.data(), chunk.size())) > 0 || (size < 0 && errno == EINTR)) {
    if (size > 0) text.append(chunk.data(), static_cast<std::size_t>(size));
  }
  const int why = size < 0 ? errno : 0;
  ::close(fd);
  if (why != 0) return Fail(ErrorCode::kUnavailable, std::strerror(why));
  return text;
}

}  // namespace sluice
