#include "store/row_move.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "store/row_binding.h"
#include "store/row_codec.h"

namespace sluice {
namespace {

std::string TableOf(LaneId lane) {
  return "lane_" + std::to_string(lane);
}

/// A row as it is found, and what it counts for.
struct Found {
  Row row;
  std::int64_t bytes = 0;
};

/// One move, with its statements: they are used for a few hundred rows, and moves are rare.
class Move {
 public:
  Move(Ledger& ledger, Gaps& gaps, const LaneReplay& replay)
      : ledger_(ledger), gaps_(gaps), replay_(replay), from_(replay.from->lane), to_(replay.lane), previous_(replay.from->previous) {}

  Result<void> Prepare(Sqlite& database) {
    const std::string to = std::to_string(to_);
    const std::pair<Statement*, std::string> all[] = {
        {&find_,
         "SELECT crc, destination, key, metadata, payload, " + std::string(kRowBytes) + " FROM " + TableOf(from_) + " WHERE seq = ?1"},
        {&remove_, "DELETE FROM " + TableOf(from_) + " WHERE seq = ?1"},
        {&insert_, "INSERT OR IGNORE INTO " + TableOf(to_) +
                       "(seq, crc, destination, key, metadata, payload) SELECT ?1, ?2, ?3, ?4, ?5, ?6"
                       " WHERE NOT EXISTS (SELECT 1 FROM dead_letter WHERE lane = " +
                       to + " AND seq = ?1)"}};
    for (const auto& [statement, sql] : all) {
      Result<Statement> prepared = database.Prepare(sql);
      if (!prepared) return tl::unexpected<Error>(prepared.error());
      *statement = std::move(*prepared);
    }
    return {};
  }

  Result<void> Run(Sqlite& database) {
    for (const Seq seq : replay_.seqs) {
      Result<std::optional<Found>> found = Find(seq);
      if (!found) return tl::unexpected<Error>(found.error());
      if (!*found) continue;
      if (Result<void> done = MoveOne(database, std::move(**found)); !done) return done;
    }
    CountMoved();
    return gaps_.Note(from_, DropReason::kMoved, left_);
  }

 private:
  /// Nothing if it is not there any more, or damaged.
  Result<std::optional<Found>> Find(Seq seq) {
    find_.BindInt(1, static_cast<std::int64_t>(seq));
    Result<bool> there = find_.Step();
    std::optional<Found> found;
    if (there && *there) found = Read(seq);
    find_.Reset();
    if (!there) return tl::unexpected<Error>(there.error());
    return found;
  }
  std::optional<Found> Read(Seq seq) const {
    Found found;
    Row& row = found.row;
    row.seq = seq;
    row.destination = find_.Bytes(1);
    if (!find_.IsNull(2)) row.key = find_.Bytes(2);
    const std::string metadata = find_.Bytes(3);
    row.event.payload = find_.Bytes(4);
    found.bytes = find_.Int(5);
    const std::uint32_t crc = RowChecksum(seq, row.destination, row.key ? &*row.key : nullptr, metadata, row.event.payload);
    const bool whole = crc == static_cast<std::uint32_t>(find_.Int(0)) && DecodeMetadata(metadata, row);
    return whole ? std::optional<Found>(std::move(found)) : std::nullopt;
  }
  Result<void> MoveOne(Sqlite& database, Found found) {
    Row& row = found.row;
    left_.push_back({row.seq, row.previous});
    left_bytes_ += found.bytes;
    row.previous = previous_;
    if (replay_.from->destination) row.destination = *replay_.from->destination;
    BindRow(insert_, row, metadata_);
    if (Result<void> inserted = insert_.Run(); !inserted) return inserted;
    if (database.Changes() > 0) {
      previous_ = row.seq;
      ++come_;
      come_bytes_ += static_cast<std::int64_t>(64 + row.destination.size() + (row.key ? row.key->size() : 0) + metadata_.size() +
                                               row.event.payload.size());
    }
    remove_.BindInt(1, static_cast<std::int64_t>(row.seq));
    return remove_.Run();
  }
  void CountMoved() {
    const auto left = static_cast<std::int64_t>(left_.size());
    ledger_.Add(LaneCounter(from_, "pending"), -left);
    ledger_.Add(LaneCounter(from_, "pending_bytes"), -left_bytes_);
    ledger_.Add(LaneCounter(from_, "dropped/") + std::string(NameOf(DropReason::kMoved)), left);
    ledger_.Add(LaneCounter(to_, "in"), come_);
    ledger_.Add(LaneCounter(to_, "pending"), come_);
    ledger_.Add(LaneCounter(to_, "pending_bytes"), come_bytes_);
    // A lane is emptied as a whole only up to this: rows that are younger than all it has had must be below.
    const std::string last = LaneCounter(to_, "last_seq");
    if (come_ > 0) ledger_.Set(last, std::max(ledger_.Get(last), static_cast<std::int64_t>(previous_)));
  }

  Ledger& ledger_;
  Gaps& gaps_;
  const LaneReplay& replay_;
  const LaneId from_;
  const LaneId to_;
  Seq previous_;
  Statement find_;
  Statement insert_;
  Statement remove_;
  std::string metadata_;  // Of the row at hand, reused.
  std::vector<Gaps::Dropped> left_;
  std::int64_t left_bytes_ = 0;
  std::int64_t come_ = 0;
  std::int64_t come_bytes_ = 0;
};

}  // namespace

Result<void> MoveRows(Sqlite& database, Ledger& ledger, Gaps& gaps, const LaneReplay& replay) {
  Move move(ledger, gaps, replay);
  if (Result<void> prepared = move.Prepare(database); !prepared) return prepared;
  return move.Run(database);
}

}  // namespace sluice
