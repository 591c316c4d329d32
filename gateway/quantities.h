// Durations and sizes as people write them: "30s", "1m30s", "100ms"; "2GiB", "200KiB", "1MB", "4096".
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

/// Units: ms s m h d, the larger ones first. kInvalid says what is expected.
Result<Duration> ParseDuration(std::string_view text);
/// Units: none or B, KB MB GB (1000), KiB MiB GiB TiB (1024).
Result<Bytes> ParseBytes(std::string_view text);

/// The shortest text that reads back as the same value.
std::string FormatDuration(Duration duration);
std::string FormatBytes(Bytes bytes);

}  // namespace sluice
