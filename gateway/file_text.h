// A file, read as a whole.
//
// Any thread; blocks on the disk.
#pragma once

#include <string>

#include "gateway/result.h"

namespace sluice {

/// kUnavailable: why it cannot be read ("Permission denied"), without its name.
Result<std::string> FileText(const std::string& path);

}  // namespace sluice
