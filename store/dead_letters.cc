#include "store/dead_letters.h"

#include <utility>

#include "store/row_binding.h"
#include "store/row_codec.h"

namespace sluice {
namespace {

constexpr const char* kBytesCounter = "dead_letters_bytes";
// Of one transaction, so that commits do not wait for long.
constexpr int kExpireLetters = 500;

// First column of the row that RETURNING tells; -1 if the statement changed none.
Result<std::int64_t> Returned(Statement& statement) {
  Result<bool> row = statement.Step();
  const std::int64_t value = row && *row ? statement.Int(0) : -1;
  statement.Reset();
  if (!row) return tl::unexpected<Error>(row.error());
  return value;
}

void Count(Ledger& ledger, LaneId lane, const char* what, std::int64_t amount) {
  ledger.Add(LaneCounter(lane, what), amount);
}

KeptLetter LetterOf(const Statement& row, LaneId lane, bool with_payload) {
  KeptLetter kept;
  kept.letter.lane = lane;
  kept.letter.seq = kept.row.seq = static_cast<Seq>(row.Int(0));
  kept.letter.reason = row.Bytes(1);
  kept.letter.attempts = static_cast<std::uint32_t>(row.Int(2));
  kept.letter.when = WallTime(std::chrono::nanoseconds(row.Int(3)));
  kept.row.destination = row.Bytes(5);
  if (!row.IsNull(6)) kept.row.key = row.Bytes(6);
  const std::string metadata = row.Bytes(7);
  kept.payload_bytes = static_cast<std::uint64_t>(row.Int(8));
  kept.damaged = !DecodeMetadata(metadata, kept.row);
  if (!with_payload) return kept;
  kept.row.event.payload = row.Bytes(9);
  const std::string* key = kept.row.key ? &*kept.row.key : nullptr;
  const std::uint32_t crc = RowChecksum(kept.row.seq, kept.row.destination, key, metadata, kept.row.event.payload);
  kept.damaged |= crc != static_cast<std::uint32_t>(row.Int(4));
  return kept;
}

}  // namespace

Result<DeadLetters> DeadLetters::Prepare(Sqlite& database) {
  DeadLetters letters;
  const std::string bytes = kRowBytes;
  const std::string list = "SELECT seq, reason, attempts, at, crc, destination, key, metadata, length(payload)";
  const std::string place = " FROM dead_letter WHERE lane = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
  const std::pair<Statement*, std::string> all[] = {
      {&letters.insert_,
       "INSERT INTO dead_letter(seq, crc, destination, key, metadata, payload, lane, reason, at, attempts)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0) RETURNING " +
           bytes},
      {&letters.delete_, "DELETE FROM dead_letter WHERE lane = ?1 AND seq = ?2 RETURNING " + bytes},
      {&letters.oldest_, "SELECT lane, seq, at FROM dead_letter ORDER BY rowid LIMIT 1"},
      {&letters.list_, list + place},
      {&letters.show_, list + ", payload" + place}};
  for (const auto& [statement, sql] : all) {
    Result<Statement> prepared = database.Prepare(sql);
    if (!prepared) return tl::unexpected<Error>(prepared.error());
    *statement = std::move(*prepared);
  }
  return letters;
}

Result<void> DeadLetters::Measure(Sqlite& database, Ledger& ledger) {
  if (ledger.Get(kBytesCounter) != 0) return {};
  Result<std::int64_t> bytes = database.QueryInt("SELECT ifnull(sum(" + std::string(kRowBytes) + "), 0) FROM dead_letter");
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  ledger.Assume(kBytesCounter, *bytes);
  return {};
}

Result<DeadLetters::LaneStatements*> DeadLetters::StatementsOf(Sqlite& database, LaneId lane) {
  auto [it, is_new] = lanes_.try_emplace(lane);
  if (!is_new) return &it->second;
  const std::string id = std::to_string(lane);
  const std::string table = "lane_" + id;
  const std::string content = "crc, destination, key, metadata, payload";
  const std::pair<Statement*, std::string> all[] = {
      {&it->second.keep, "INSERT OR IGNORE INTO dead_letter SELECT " + id + ", seq, ?2, ?3 + attempts, ?4, " + content + " FROM " + table +
                             " WHERE seq = ?1"},
      {&it->second.remove, "DELETE FROM " + table + " WHERE seq = ?1 RETURNING " + kRowBytes},
      {&it->second.bring_back, "INSERT OR IGNORE INTO " + table + "(seq, attempts, " + content + ") SELECT seq, attempts, " + content +
                                   " FROM dead_letter WHERE lane = " + id + " AND seq = ?1"}};
  for (const auto& [statement, sql] : all) {
    Result<Statement> prepared = database.Prepare(sql);
    if (!prepared) {
      lanes_.erase(it);
      return tl::unexpected<Error>(prepared.error());
    }
    *statement = std::move(*prepared);
  }
  return &it->second;
}

Result<void> DeadLetters::Keep(Sqlite& database, Ledger& ledger, const DeadLetter& letter) {
  Result<LaneStatements*> statements = StatementsOf(database, letter.lane);
  if (!statements) return tl::unexpected<Error>(statements.error());
  Statement& keep = (*statements)->keep;
  Statement& remove = (*statements)->remove;
  keep.BindInt(1, static_cast<std::int64_t>(letter.seq));
  keep.BindText(2, letter.reason);
  keep.BindInt(3, letter.attempts);
  keep.BindInt(4, letter.when.time_since_epoch().count());
  if (Result<void> run = keep.Run(); !run) return run;
  remove.BindInt(1, static_cast<std::int64_t>(letter.seq));
  Result<std::int64_t> bytes = Returned(remove);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  if (*bytes < 0) return {};
  Count(ledger, letter.lane, "pending", -1);
  Count(ledger, letter.lane, "pending_bytes", -*bytes);
  Count(ledger, letter.lane, "dead_lettered", 1);
  if (letter.attempts == 0) Count(ledger, letter.lane, "dead_letters_damaged", 1);  // Nothing else is set aside untried.
  ledger.Add(kBytesCounter, *bytes);
  return {};
}

Result<void> DeadLetters::KeepMisfit(Ledger& ledger, const Misfit& misfit) {
  BindRow(insert_, misfit.row, metadata_);
  insert_.BindInt(7, misfit.lane);
  insert_.BindText(8, misfit.reason);
  insert_.BindInt(9, misfit.row.event.received.time_since_epoch().count());
  Result<std::int64_t> bytes = Returned(insert_);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  Count(ledger, misfit.lane, "in", 1);
  Count(ledger, misfit.lane, "dead_lettered", 1);
  Count(ledger, misfit.lane, "dead_letters_misfit", 1);
  ledger.Add(kBytesCounter, *bytes);
  return {};
}

Result<void> DeadLetters::Replay(Sqlite& database, Ledger& ledger, const LaneReplay& replay) {
  Result<LaneStatements*> statements = StatementsOf(database, replay.lane);
  if (!statements) return tl::unexpected<Error>(statements.error());
  for (const Seq seq : replay.seqs) {
    Statement& bring_back = (*statements)->bring_back;
    bring_back.BindInt(1, static_cast<std::int64_t>(seq));
    if (Result<void> run = bring_back.Run(); !run) return run;
    Result<std::int64_t> bytes = Delete(replay.lane, seq);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    if (*bytes < 0) continue;
    Count(ledger, replay.lane, "dead_lettered", -1);
    Count(ledger, replay.lane, "dead_letters_replayed", 1);
    Count(ledger, replay.lane, "pending", 1);
    Count(ledger, replay.lane, "pending_bytes", *bytes);
    ledger.Add(kBytesCounter, -*bytes);
  }
  return {};
}

Result<std::int64_t> DeadLetters::Delete(LaneId lane, Seq seq) {
  delete_.BindInt(1, lane);
  delete_.BindInt(2, static_cast<std::int64_t>(seq));
  return Returned(delete_);
}

Result<std::uint64_t> DeadLetters::Purge(Ledger& ledger, LaneId lane, const std::vector<Seq>& seqs) {
  std::uint64_t purged = 0;
  for (const Seq seq : seqs) {
    Result<std::int64_t> bytes = Delete(lane, seq);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    if (*bytes < 0) continue;
    ++purged;
    Count(ledger, lane, "dead_letters_purged", 1);
    ledger.Add(kBytesCounter, -*bytes);
  }
  return purged;
}

Result<bool> DeadLetters::Expire(Ledger& ledger, const DeadLetterLimits& limits, WallTime now) {
  const std::int64_t too_old = (now - limits.max_age).time_since_epoch().count();
  for (int n = 0; n < kExpireLetters; ++n) {
    Result<bool> row = oldest_.Step();
    const bool there = row && *row;
    const auto lane = static_cast<LaneId>(there ? oldest_.Int(0) : 0);
    const auto seq = static_cast<Seq>(there ? oldest_.Int(1) : 0);
    const std::int64_t at = there ? oldest_.Int(2) : 0;
    oldest_.Reset();
    if (!row) return tl::unexpected<Error>(row.error());
    const bool over = ledger.Get(kBytesCounter) > static_cast<std::int64_t>(limits.max_bytes);
    if (!there || (!over && at >= too_old)) return false;
    Result<std::int64_t> bytes = Delete(lane, seq);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    Count(ledger, lane, "dead_letters_expired", 1);
    ledger.Add(kBytesCounter, -*bytes);
  }
  return true;
}

Result<LetterPage> DeadLetters::Read(const LetterQuery& query) {
  Statement& select = query.with_payload ? show_ : list_;
  select.BindInt(1, query.lane);
  select.BindInt(2, static_cast<std::int64_t>(query.after));
  select.BindInt(3, static_cast<std::int64_t>(query.max_letters));
  LetterPage page;
  std::size_t bytes = 0;
  while (page.letters.size() < query.max_letters && bytes < query.max_bytes) {
    Result<bool> row = select.Step();
    if (!row || !*row) {
      select.Reset();
      if (!row) return tl::unexpected<Error>(row.error());
      page.end = true;
      return page;
    }
    page.letters.push_back(LetterOf(select, query.lane, query.with_payload));
    bytes += page.letters.back().payload_bytes;
  }
  select.Reset();
  return page;
}

}  // namespace sluice
