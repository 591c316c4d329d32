// An answer of the daemon, or of the outbox, written as JSON Lines to a file or to stdout.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/result.h"

namespace sluice {

/// `path` empty: stdout. `ask` is given what to do with each line. The exit status: not all is said to be there unless it was written and
/// the file closed well.
int ExportLines(const std::string& path, const std::function<Result<void>(const std::function<bool(const nlohmann::ordered_json&)>&)>& ask);

}  // namespace sluice
