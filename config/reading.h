// A configuration together with what it takes from outside of its files: secrets, and certificates and keys in files of their own.
#pragma once

#include <map>
#include <string>

#include "config/load.h"

namespace sluice {

struct ConfigReading {
  ConfigFiles files;
  LoadedConfig loaded;
  std::map<std::string, std::string> tls_files;  ///< By JSON pointer, which version of a file was there.
};

/// References resolved. Blocks on the disk; any thread.
ConfigReading ReadConfig(ConfigFiles files);

/// The same secrets, and the same versions of certificates and keys.
bool HasSameCredentials(const ConfigReading& a, const ConfigReading& b);

}  // namespace sluice
