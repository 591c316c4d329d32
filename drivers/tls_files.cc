#include "drivers/tls_files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {

std::string WhyUnreadable(const TlsConfig& tls) {
  for (const std::string& file : {tls.ca_file, tls.cert_file, tls.key_file}) {
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0) return file + ": " + std::strerror(errno);
  }
  return "";
}

}  // namespace sluice
