// What `sluice outbox` and `sluice dead-letters` have in common: which rows they are about, and how they tell of them.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/ask.h"
#include "gateway/cli.h"

namespace sluice {

/// Asks `command` for those that `which` names, or for all that it leaves.
nlohmann::ordered_json RequestFor(const std::string& command, const RowSelection& which);

/// A row of a table, or a line of JSON, for each; `head` before the first row. Ends early if nobody takes it.
int ListRows(const nlohmann::ordered_json& request, const Ask& ask, bool json, const std::function<void()>& head,
             const std::function<void(const nlohmann::ordered_json&)>& row);
/// Each whole, readably. It fails with `none` if there was none.
int ShowRows(const nlohmann::ordered_json& request, const Ask& ask, const char* none);

/// What a command that changes rows page by page has come to.
struct RowChange {
  std::uint64_t count = 0;
  std::uint64_t stay = 0;  ///< So many were not changed.
  Result<void> asked;
};
/// Counts them under the name `done` ("purged"), shown while it goes on and at the end.
RowChange ChangeRows(const nlohmann::ordered_json& request, const Ask& ask, const char* done);

}  // namespace sluice
