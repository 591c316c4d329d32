// The rows of one lane, in a table of their own.
//
// Invariant: with each change the lane's counters change, in the same transaction: in = delivered + pending + dropped + dead_lettered.
//
// Changes run inside a transaction of the caller. Store thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gateway/ports.h"
#include "gateway/result.h"
#include "store/gaps.h"
#include "store/ledger.h"
#include "store/sqlite.h"

namespace sluice {

class LaneTable {
 public:
  /// The table is there (store/lane_list.h).
  static Result<LaneTable> Prepare(Sqlite& database, LaneId lane);

  Result<void> Append(Ledger& ledger, const std::vector<Row>& rows);
  /// See Store::Read (gateway/ports.h).
  Result<LaneRead> Read(Seq after, std::size_t max_bytes);

  /// A stretch of the lane.
  struct Measured {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;  ///< As in pending_bytes.
  };
  Result<Measured> MeasureThrough(Seq through);
  /// The last row of the lane's front that makes `bytes`; `through` if there are not so many before it.
  Result<Seq> EndOfPart(Seq through, Bytes bytes);

  /// Rows up to `through` are delivered.
  Result<void> Settle(Sqlite& database, Ledger& ledger, Seq through);
  /// Rows are given up, and noted as a gap. An open drop takes no more than `room`; what it takes is subtracted from it. REQUIRES: not
  /// kMoved.
  Result<DroppedRows> Drop(Ledger& ledger, Gaps& gaps, const LaneDrop& drop, Bytes& room);

 private:
  /// Rows on their way out by a drop.
  struct Doomed {
    std::vector<Gaps::Dropped> rows;
    Bytes bytes = 0;      // As in pending_bytes.
    Bytes footprint = 0;  // As the forwarder counts.
  };

  explicit LaneTable(LaneId lane) : lane_(lane) {}
  Result<void> SettleAll(Sqlite& database, Ledger& ledger);
  Result<Doomed> FindDoomed(const LaneDrop& drop, Bytes most);

  LaneId lane_;
  Statement append_;
  Statement read_;
  Statement measure_;
  Statement settle_;
  Statement settle_all_;
  Statement remove_;
  Statement scan_;
  std::string buffer_;  // Metadata, reused from row to row.
};

}  // namespace sluice
