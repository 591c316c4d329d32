#include "store/lane_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "gateway/own_event.h"
#include "store/row_binding.h"
#include "store/row_codec.h"

namespace sluice {

Result<LaneTable> LaneTable::Prepare(Sqlite& database, LaneId lane) {
  LaneTable result(lane);
  const std::string table = "lane_" + std::to_string(lane);
  const std::string columns = "seq, crc, destination, key, metadata, payload";
  const std::pair<Statement*, std::string> all[] = {
      {&result.append_, "INSERT INTO " + table + "(" + columns + ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)"},
      {&result.read_, "SELECT " + columns + " FROM " + table + " WHERE seq > ?1 ORDER BY seq"},
      {&result.measure_, "SELECT count(*), ifnull(sum(" + std::string(kRowBytes) + "), 0) FROM " + table + " WHERE seq <= ?1"},
      {&result.settle_, "DELETE FROM " + table + " WHERE seq <= ?1"},
      {&result.settle_all_, "DELETE FROM " + table},
      {&result.remove_, "DELETE FROM " + table + " WHERE seq = ?1"},
      {&result.scan_, "SELECT seq, " + std::string(kRowBytes) + ", metadata FROM " + table + " WHERE seq > ?1 AND seq <= ?2 ORDER BY seq"}};
  for (const auto& [statement, sql] : all) {
    Result<Statement> prepared = database.Prepare(sql);
    if (!prepared) return tl::unexpected<Error>(prepared.error());
    *statement = std::move(*prepared);
  }
  return result;
}

Result<void> LaneTable::Append(Ledger& ledger, const std::vector<Row>& rows) {
  if (rows.empty()) return {};
  std::size_t bytes = 0;
  for (const Row& row : rows) {
    BindRow(append_, row, buffer_);
    if (Result<void> run = append_.Run(); !run) return run;
    bytes += 64 + row.destination.size() + (row.key ? row.key->size() : 0) + buffer_.size() + row.event.payload.size();
  }
  ledger.Add(LaneCounter(lane_, "in"), static_cast<std::int64_t>(rows.size()));
  ledger.Add(LaneCounter(lane_, "pending"), static_cast<std::int64_t>(rows.size()));
  ledger.Add(LaneCounter(lane_, "pending_bytes"), static_cast<std::int64_t>(bytes));
  ledger.Set(LaneCounter(lane_, "last_seq"), static_cast<std::int64_t>(rows.back().seq));
  return {};
}

Result<LaneRead> LaneTable::Read(Seq after, std::size_t max_bytes) {
  read_.BindInt(1, static_cast<std::int64_t>(after));
  LaneRead read;
  for (std::size_t bytes = 0; bytes < max_bytes;) {
    Result<bool> stepped = read_.Step();
    if (!stepped || !*stepped) {
      read_.Reset();
      if (!stepped) return tl::unexpected<Error>(stepped.error());
      read.end = true;
      return read;
    }
    Row row;
    row.seq = static_cast<Seq>(read_.Int(0));
    row.destination = read_.Bytes(2);
    if (!read_.IsNull(3)) row.key = read_.Bytes(3);
    const std::string metadata = read_.Bytes(4);
    row.event.payload = read_.Bytes(5);
    const std::uint32_t crc = RowChecksum(row.seq, row.destination, row.key ? &*row.key : nullptr, metadata, row.event.payload);
    bytes += Footprint(row);
    if (crc != static_cast<std::uint32_t>(read_.Int(1)) || !DecodeMetadata(metadata, row)) {
      read.damaged.push_back(row.seq);
    } else {
      read.rows.push_back(std::move(row));
    }
  }
  read_.Reset();
  return read;
}

Result<LaneTable::Measured> LaneTable::MeasureThrough(Seq through) {
  measure_.BindInt(1, static_cast<std::int64_t>(through));
  Result<bool> stepped = measure_.Step();
  const Measured measured = stepped && *stepped ? Measured{measure_.Int(0), measure_.Int(1)} : Measured{};
  measure_.Reset();
  if (!stepped) return tl::unexpected<Error>(stepped.error());
  return measured;
}

Result<Seq> LaneTable::EndOfPart(Seq through, Bytes bytes) {
  scan_.BindInt(1, 0);
  scan_.BindInt(2, static_cast<std::int64_t>(through));
  Seq end = through;
  for (Bytes seen = 0; seen <= bytes;) {
    Result<bool> row = scan_.Step();
    if (!row || !*row) {
      scan_.Reset();
      if (!row) return tl::unexpected<Error>(row.error());
      return through;
    }
    end = static_cast<Seq>(scan_.Int(0));
    seen += static_cast<Bytes>(scan_.Int(1));
  }
  scan_.Reset();
  return end;
}

Result<void> LaneTable::Settle(Sqlite& database, Ledger& ledger, Seq through) {
  if (through >= static_cast<Seq>(ledger.Get(LaneCounter(lane_, "last_seq")))) return SettleAll(database, ledger);
  Result<Measured> measured = MeasureThrough(through);
  if (!measured) return tl::unexpected<Error>(measured.error());
  settle_.BindInt(1, static_cast<std::int64_t>(through));
  if (Result<void> run = settle_.Run(); !run) return run;
  ledger.Add(LaneCounter(lane_, "pending"), -measured->rows);
  ledger.Add(LaneCounter(lane_, "pending_bytes"), -measured->bytes);
  ledger.Add(LaneCounter(lane_, "delivered"), measured->rows);
  return {};
}

// Without a condition SQLite gives the pages back as they are. Row by row it would change each page first, and the WAL would take every one
// of them once more.
Result<void> LaneTable::SettleAll(Sqlite& database, Ledger& ledger) {
  if (Result<void> run = settle_all_.Run(); !run) return run;
  const std::int64_t rows = database.Changes();
  ledger.Add(LaneCounter(lane_, "pending"), -rows);
  ledger.Set(LaneCounter(lane_, "pending_bytes"), 0);
  ledger.Add(LaneCounter(lane_, "delivered"), rows);
  return {};
}

Result<DroppedRows> LaneTable::Drop(Ledger& ledger, Gaps& gaps, const LaneDrop& drop, Bytes& room) {
  Result<Doomed> doomed = FindDoomed(drop, drop.IsOpen() ? room : std::numeric_limits<Bytes>::max());
  if (!doomed) return tl::unexpected<Error>(doomed.error());
  for (const Gaps::Dropped& row : doomed->rows) {
    remove_.BindInt(1, static_cast<std::int64_t>(row.seq));
    if (Result<void> run = remove_.Run(); !run) return tl::unexpected<Error>(run.error());
  }
  if (Result<void> noted = gaps.Note(lane_, drop.reason, doomed->rows); !noted) return tl::unexpected<Error>(noted.error());
  room -= std::min(room, doomed->bytes);
  const auto events = static_cast<std::int64_t>(doomed->rows.size());
  ledger.Add(LaneCounter(lane_, "pending"), -events);
  ledger.Add(LaneCounter(lane_, "pending_bytes"), -static_cast<std::int64_t>(doomed->bytes));
  ledger.Add(LaneCounter(lane_, "dropped/") + std::string(NameOf(drop.reason)), events);
  return DroppedRows{lane_, drop.reason, doomed->rows.size(), doomed->footprint};
}

namespace {

// What cannot be read goes the way of damaged rows when its turn comes; at the quota, and when it is told to, it goes now.
bool IsDoomed(const LaneDrop& drop, const Row& row, bool readable) {
  switch (drop.reason) {
    case DropReason::kQuota:
      return row.event.topic != kGapsTopic;
    case DropReason::kExpired:
      return readable && row.deadline && *row.deadline < drop.now;
    case DropReason::kPurged:
      return true;
    case DropReason::kMoved:
      break;
  }
  return false;
}

}  // namespace

Result<LaneTable::Doomed> LaneTable::FindDoomed(const LaneDrop& drop, Bytes most) {
  scan_.BindInt(1, static_cast<std::int64_t>(drop.after));
  scan_.BindInt(2, static_cast<std::int64_t>(drop.through));
  Doomed doomed;
  const Bytes wanted = drop.reason == DropReason::kQuota ? std::min(drop.bytes, most) : most;
  for (std::size_t seen = 0; doomed.bytes < wanted && (drop.reason == DropReason::kQuota || seen < kDropRows); ++seen) {
    Result<bool> stepped = scan_.Step();
    if (!stepped || !*stepped) {
      scan_.Reset();
      if (!stepped) return tl::unexpected<Error>(stepped.error());
      return doomed;
    }
    Row row;
    row.seq = static_cast<Seq>(scan_.Int(0));
    const std::string metadata = scan_.Bytes(2);
    const bool readable = DecodeMetadata(metadata, row);
    if (!IsDoomed(drop, row, readable)) continue;
    // As the forwarder counts: what the metadata holds instead of the metadata. (The row here has nothing else.)
    doomed.footprint += static_cast<Bytes>(scan_.Int(1)) - metadata.size() + Footprint(row) - Footprint(Row{});
    doomed.rows.push_back({row.seq, row.previous});
    doomed.bytes += static_cast<Bytes>(scan_.Int(1));
  }
  scan_.Reset();
  return doomed;
}

}  // namespace sluice
