// A file that was made or renamed is there after a power cut only once its directory is synced.
//
// Any thread; blocks on the disk.
#pragma once

#include <string>

namespace sluice {

/// Makes the names in the directory of `path` durable.
void SyncDirectory(const std::string& path);

}  // namespace sluice
