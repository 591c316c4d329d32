// Moves rows of one lane into another, under their seqs.
//
// Invariants
//  1. Both lanes' counters change with it: of the one that the rows leave `dropped/moved`, of the other `in`.
//  2. A row that the other lane has already, as a row or as a dead letter, only leaves the first.
//  3. A row that is not what was written stays where it is.
//  4. A moved row names as the one before it what came with it, never a row that its new lane has not had.
//
// Inside a transaction of the caller. Store thread.
#pragma once

#include "gateway/ports.h"
#include "gateway/result.h"
#include "store/gaps.h"
#include "store/ledger.h"
#include "store/sqlite.h"

namespace sluice {

/// REQUIRES: `replay.from`.
Result<void> MoveRows(Sqlite& database, Ledger& ledger, Gaps& gaps, const LaneReplay& replay);

}  // namespace sluice
