#include "store/rule_records.h"

#include <cstddef>
#include <string>
#include <utility>

#include "store/checksum.h"

namespace sluice {
namespace {

// Since format 1.2. A state is small and belongs into its key's page: one page for each that changes. A memory may have 100 KB, of which a
// tree without rowids would keep a part in its inner pages: it gets an ordinary table, with its keys in an index, which a new memory of a
// key does not touch.
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS rule_state(rule TEXT NOT NULL, key BLOB NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(rule, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS rule_memory(rule TEXT NOT NULL, key BLOB NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL,"
    " UNIQUE(rule, key));";

constexpr std::pair<RuleRecord::Kind, const char*> kTables[] = {{RuleRecord::Kind::kState, "rule_state"},
                                                                {RuleRecord::Kind::kMemory, "rule_memory"}};

std::int64_t ChecksumOf(const RuleRecord& record) {
  const char kind = static_cast<char>(record.kind);
  Checksum checksum;
  checksum.AddFixed({&kind, 1});
  checksum.Add(record.rule);
  checksum.Add(record.key);
  checksum.Add(record.data);
  return checksum.value();
}

}  // namespace

Result<RuleRecords> RuleRecords::Prepare(Sqlite& database) {
  if (Result<void> made = database.Execute(kSchema); !made) return tl::unexpected<Error>(made.error());
  RuleRecords records;
  for (const auto& [kind, name] : kTables) {
    Table& table = records.tables_[static_cast<std::size_t>(kind)];
    const std::string of = name;
    const std::pair<Statement*, std::string> sql[] = {
        {&table.keep, "INSERT INTO " + of +
                          "(rule, key, crc, data) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(rule, key) DO UPDATE"
                          " SET crc = excluded.crc, data = excluded.data WHERE crc <> excluded.crc OR data <> excluded.data"},
        {&table.erase, "DELETE FROM " + of + " WHERE rule = ?1 AND key = ?2"},
        {&table.read, "SELECT rule, key, crc, data FROM " + of}};
    for (const auto& [statement, text] : sql) {
      Result<Statement> prepared = database.Prepare(text);
      if (!prepared) return tl::unexpected<Error>(prepared.error());
      *statement = std::move(*prepared);
    }
  }
  return records;
}

Result<void> RuleRecords::Keep(const RuleRecord& record) {
  Table& table = tables_[static_cast<std::size_t>(record.kind)];
  Statement& write = record.data.empty() ? table.erase : table.keep;
  write.BindText(1, record.rule);
  write.BindBlob(2, record.key);
  if (!record.data.empty()) {
    write.BindInt(3, ChecksumOf(record));
    write.BindBlob(4, record.data);
  }
  return write.Run();
}

Result<RuleRecordRead> RuleRecords::Read() {
  RuleRecordRead read;
  for (const auto& [kind, name] : kTables) {
    Result<void> done = ReadTable(kind, read);
    // Rules that begin anew are no reason to do without the backlog.
    if (!done && done.error().code != ErrorCode::kCorrupt) return tl::unexpected<Error>(done.error());
    if (!done) ++read.damaged;
  }
  return read;
}

Result<void> RuleRecords::ReadTable(RuleRecord::Kind kind, RuleRecordRead& read) {
  Statement& rows = tables_[static_cast<std::size_t>(kind)].read;
  for (;;) {
    Result<bool> row = rows.Step();
    if (!row || !*row) {
      rows.Reset();
      return row ? Result<void>() : tl::unexpected<Error>(row.error());
    }
    RuleRecord record{kind, rows.Bytes(0), rows.Bytes(1), rows.Bytes(3)};
    if (rows.Int(2) == ChecksumOf(record)) {
      read.records.push_back(std::move(record));
    } else {
      ++read.damaged;
    }
  }
}

}  // namespace sluice
