// The dead letters of an outbox: rows that a sink will never take, or that cannot go where their routes send them, kept with the reason
// until they are replayed, purged or expire.
//
// Invariants
//  1. Per lane: dead_lettered = letters in the table + dead_letters_purged + dead_letters_expired. A replay takes its letter out of all of
//  them.
//  2. `dead_letters_bytes` is the sum over the table, so that the bound on it costs no scan.
//  3. Letters expire in the order in which they came.
//
// Changes run inside a transaction of the caller, who also gives the ledger. Store thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/ports.h"
#include "gateway/result.h"
#include "store/ledger.h"
#include "store/sqlite.h"

namespace sluice {

class DeadLetters {
 public:
  static Result<DeadLetters> Prepare(Sqlite& database);
  /// Measures what a version that did not count bytes has left.
  Result<void> Measure(Sqlite& database, Ledger& ledger);

  /// Moves a row of its lane here. A row that is not there any more is passed over.
  Result<void> Keep(Sqlite& database, Ledger& ledger, const DeadLetter& letter);
  /// Inserts what was never a row of its lane. Its time is that of its event, its attempts are 0.
  Result<void> KeepMisfit(Ledger& ledger, const Misfit& misfit);
  /// Moves letters back to their lane. What is not here is passed over, so that it can be done again.
  Result<void> Replay(Sqlite& database, Ledger& ledger, const LaneReplay& replay);
  /// How many of them were there.
  Result<std::uint64_t> Purge(Ledger& ledger, LaneId lane, const std::vector<Seq>& seqs);
  /// Deletes the oldest while there are more than `limits` allow, a bounded number at a time. True: there may be more to delete.
  Result<bool> Expire(Ledger& ledger, const DeadLetterLimits& limits, WallTime now);

  Result<LetterPage> Read(const LetterQuery& query);

 private:
  struct LaneStatements {
    Statement keep;
    Statement remove;
    Statement bring_back;
  };

  Result<LaneStatements*> StatementsOf(Sqlite& database, LaneId lane);
  Result<std::int64_t> Delete(LaneId lane, Seq seq);

  Statement insert_;
  Statement delete_;
  Statement oldest_;
  Statement list_;
  Statement show_;
  std::map<LaneId, LaneStatements> lanes_;
  std::string metadata_;  // Of the letter at hand, reused.
};

}  // namespace sluice
