// The lanes that an outbox has: the `lane` table, and a table of rows for each (store/lane_table.h).
#pragma once

#include <string>
#include <vector>

#include "gateway/ports.h"
#include "gateway/result.h"
#include "store/ledger.h"
#include "store/sqlite.h"

namespace sluice {

struct LaneName {
  std::string sink;
  std::string lane_class;
};

/// Those `wanted` first, in that order, made if they are missing; then all others that the file has. Brings tables of older minor versions
/// up to date. Outside a transaction. Store thread.
Result<std::vector<LaneState>> LoadLanes(Sqlite& database, const Ledger& ledger, const std::vector<LaneName>& wanted);

}  // namespace sluice
