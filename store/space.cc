#include "store/space.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>

namespace sluice {

SpacePlan DivideSpace(Bytes max_bytes) {
  SpacePlan plan;
  plan.ballast = std::min<Bytes>(max_bytes / 16, 1u << 20);
  plan.wal = std::min<Bytes>(max_bytes / 16 * 7, 8u << 20);
  plan.transaction = std::min<Bytes>(plan.wal / 4 * 3, 4u << 20);
  plan.checkpoint = plan.wal - plan.transaction;
  plan.database = max_bytes - plan.ballast - plan.wal;
  plan.intake = plan.database / 10 * 9;
  plan.reserved = plan.database / 100 * 97;
  return plan;
}

void Ballast::Fill(Bytes min_free) {
  if (IsThere()) return;
  if (FreeBytes(path_) < min_free + 2 * size_) return;
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (::posix_fallocate(fd, 0, static_cast<off_t>(size_)) != 0) ::unlink(path_.c_str());
  ::close(fd);
}

bool Ballast::IsThere() const {
  struct stat status {};
  return ::stat(path_.c_str(), &status) == 0 && static_cast<Bytes>(status.st_size) == size_;
}

bool Ballast::Drop() {
  return ::unlink(path_.c_str()) == 0;
}

Bytes FreeBytes(const std::string& path) {
  struct statvfs status {};
  const std::string directory = std::filesystem::path(path).parent_path().string();
  if (::statvfs(directory.empty() ? "." : directory.c_str(), &status) != 0) return std::numeric_limits<Bytes>::max();
  return static_cast<Bytes>(status.f_bavail) * status.f_frsize;
}

}  // namespace sluice
