// What an outbox keeps of its rules: the last record for each kind, rule and key.
//
// Invariants
//  1. To keep a record that is there already changes nothing, and writes nothing.
//  2. A record that is not what was written is never read. It goes when its key is kept anew.
//
// Changes run inside a transaction of the caller. Store thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gateway/ports.h"
#include "gateway/result.h"
#include "store/sqlite.h"

namespace sluice {

struct RuleRecordRead {
  std::vector<RuleRecord> records;
  std::uint64_t damaged = 0;  ///< Left out. A part of the file that cannot be read is one.
};

class RuleRecords {
 public:
  /// Makes the tables in files of versions that had none.
  static Result<RuleRecords> Prepare(Sqlite& database);

  /// Deletes if there are no data.
  Result<void> Keep(const RuleRecord& record);
  Result<RuleRecordRead> Read();

 private:
  struct Table {
    Statement keep;
    Statement erase;
    Statement read;
  };
  Result<void> ReadTable(RuleRecord::Kind kind, RuleRecordRead& read);

  std::array<Table, 2> tables_;  // By kind.
};

}  // namespace sluice
