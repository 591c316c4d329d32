// For LD_PRELOAD: every fsync takes SLOW_SYNC_US longer, as on a slower disk. (To delay it by strace would slow all the rest, too.)
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>

namespace {

int Delayed(const char* name, int fd) {
  const auto real = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name));
  const int result = real(fd);
  static const char* const delay = std::getenv("SLOW_SYNC_US");
  if (delay != nullptr) usleep(static_cast<useconds_t>(std::atoi(delay)));
  return result;
}

}  // namespace

extern "C" int fsync(int fd) {
  return Delayed("fsync", fd);
}
extern "C" int fdatasync(int fd) {
  return Delayed("fdatasync", fd);
}
