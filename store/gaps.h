// The gaps of an outbox: what its lanes gave up and no gap record has told of yet.
//
// Invariants
//  1. Rows that followed one another in their lane and went for one reason are one gap, also if they went one transaction after the other.
//  2. A gap leaves when its record enters; what it grew by since it was read stays, and is told another time.
//
// Changes run inside a transaction of the caller. Store thread.
#pragma once

#include <vector>

#include "gateway/ports.h"
#include "gateway/result.h"
#include "store/sqlite.h"

namespace sluice {

class Gaps {
 public:
  /// Makes the table in files of versions that had none.
  static Result<Gaps> Prepare(Sqlite& database);

  struct Dropped {
    Seq seq;
    Seq previous;  ///< Of the row before it in the lane.
  };
  /// `rows` in ascending order.
  Result<void> Note(LaneId lane, DropReason reason, const std::vector<Dropped>& rows);
  Result<void> End(Sqlite& database, const Gap& told);
  /// By lane and seq, a bounded number of them.
  Result<std::vector<Gap>> Read();

 private:
  Result<void> Add(const Gap& gap, Seq previous);

  Statement before_;
  Statement add_;
  Statement extend_;
  Statement end_;
  Statement thin_;
  Statement cut_;
  Statement read_;
};

}  // namespace sluice
