// A Unix socket to be served: for the user and the group of the daemon.
#pragma once

#include <string>

#include "gateway/result.h"

namespace sluice {

/// Binds a socket (mode 0660, not blocking) to `path`, where one that nobody answers on any more gives way. kLocked: somebody answers on
/// it. The descriptor is the caller's, and so is the file: who closes the one removes the other.
Result<int> BindUnix(const std::string& path);

}  // namespace sluice
