#include "config/reading.h"

#include <sys/stat.h>

#include <utility>

#include "config/secrets.h"

namespace sluice {
namespace {

// Who replaces a file makes another inode, who writes into it another time.
std::string VersionOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "missing";
  return std::to_string(status.st_ino) + ":" + std::to_string(status.st_size) + ":" + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec);
}

}  // namespace

ConfigReading ReadConfig(ConfigFiles files) {
  ConfigReading reading{std::move(files), {}, {}};
  reading.loaded = LoadConfig(reading.files, ReferenceMode::kResolve);
  if (!reading.loaded.mistakes.empty()) return reading;
  for (const auto& [pointer, path] : TlsFilesOf(reading.loaded.config)) reading.tls_files[pointer] = VersionOf(path);
  return reading;
}

bool HasSameCredentials(const ConfigReading& a, const ConfigReading& b) {
  return a.tls_files == b.tls_files && SecretsOf(a.loaded.config) == SecretsOf(b.loaded.config);
}

}  // namespace sluice
