#include "store/lane_list.h"

#include <algorithm>
#include <cstdint>

namespace sluice {
namespace {

Result<LaneId> FindOrMakeLane(Sqlite& database, const LaneName& name) {
  Result<Statement> find = database.Prepare("SELECT id FROM lane WHERE sink = ?1 AND class = ?2");
  if (!find) return tl::unexpected<Error>(find.error());
  find->BindText(1, name.sink);
  find->BindText(2, name.lane_class);
  Result<bool> found = find->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) return static_cast<LaneId>(find->Int(0));
  find->Reset();

  Result<std::int64_t> next = database.QueryInt("SELECT ifnull(max(id), 0) + 1 FROM lane");
  if (!next) return tl::unexpected<Error>(next.error());
  const std::string id = std::to_string(*next);
  if (Result<void> begun = database.Execute("BEGIN IMMEDIATE"); !begun) return tl::unexpected<Error>(begun.error());
  Result<Statement> insert = database.Prepare("INSERT INTO lane VALUES(" + id + ", ?1, ?2)");
  if (!insert) return tl::unexpected<Error>(insert.error());
  insert->BindText(1, name.sink);
  insert->BindText(2, name.lane_class);
  if (Result<void> run = insert->Run(); !run) return tl::unexpected<Error>(run.error());
  Result<void> made = database.Execute("CREATE TABLE lane_" + id +
                                       "(seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, destination TEXT NOT NULL, key BLOB,"
                                       " metadata BLOB NOT NULL, payload BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0); COMMIT");
  if (!made) return tl::unexpected<Error>(made.error());
  return static_cast<LaneId>(*next);
}

// Format 1.0 did not count the attempts that a row had made before it was replayed.
Result<void> CompleteLane(Sqlite& database, LaneId lane) {
  const std::string table = "lane_" + std::to_string(lane);
  Result<std::int64_t> has = database.QueryInt("SELECT count(*) FROM pragma_table_info('" + table + "') WHERE name = 'attempts'");
  if (!has) return tl::unexpected<Error>(has.error());
  return *has > 0 ? Result<void>() : database.Execute("ALTER TABLE " + table + " ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0");
}

}  // namespace

Result<std::vector<LaneState>> LoadLanes(Sqlite& database, const Ledger& ledger, const std::vector<LaneName>& wanted) {
  std::vector<LaneState> lanes;
  for (const LaneName& name : wanted) {
    Result<LaneId> id = FindOrMakeLane(database, name);
    if (!id) {
      database.Rollback();
      return tl::unexpected<Error>(id.error());
    }
    lanes.push_back({*id, name.sink, name.lane_class, 0, 0, 0});
  }
  Result<Statement> all = database.Prepare("SELECT id, sink, class FROM lane ORDER BY id");
  if (!all) return tl::unexpected<Error>(all.error());
  for (;;) {
    Result<bool> row = all->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    const auto id = static_cast<LaneId>(all->Int(0));
    const bool known = std::any_of(lanes.begin(), lanes.end(), [&](const LaneState& lane) { return lane.id == id; });
    if (!known) lanes.push_back({id, all->Bytes(1), all->Bytes(2), 0, 0, 0});
  }
  for (LaneState& lane : lanes) {
    if (Result<void> complete = CompleteLane(database, lane.id); !complete) return tl::unexpected<Error>(complete.error());
    lane.last_seq = static_cast<Seq>(ledger.Get(LaneCounter(lane.id, "last_seq")));
    lane.pending_events = static_cast<std::uint64_t>(ledger.Get(LaneCounter(lane.id, "pending")));
    lane.pending_bytes = static_cast<std::uint64_t>(ledger.Get(LaneCounter(lane.id, "pending_bytes")));
  }
  return lanes;
}

}  // namespace sluice
