// A file that is always there as a whole, the one before or the new one, whenever the power is cut.
//
// Any thread; blocks on the disk.
#pragma once

#include <string>
#include <string_view>

#include "gateway/result.h"

namespace sluice {

/// Writes `text` beside it, syncs that and renames it to `path`. For its user's eyes only. kUnavailable: what was there is there as it was.
Result<void> ReplaceFile(const std::string& path, std::string_view text);

}  // namespace sluice
