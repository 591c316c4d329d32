#include "store/gaps.h"

#include <utility>

namespace sluice {
namespace {

// Since format 1.1.
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS gap(lane INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, events INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(lane, first)) WITHOUT ROWID;";

}  // namespace

Result<Gaps> Gaps::Prepare(Sqlite& database) {
  if (Result<void> made = database.Execute(kSchema); !made) return tl::unexpected<Error>(made.error());
  Gaps gaps;
  const std::pair<Statement*, const char*> sql[] = {
      {&gaps.before_, "SELECT first, last, reason FROM gap WHERE lane = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"},
      // A row that was moved away, came back and goes again: one record tells of both.
      {&gaps.add_,
       "INSERT INTO gap VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT(lane, first)"
       " DO UPDATE SET last = max(last, ?3), events = events + ?4, reason = ?5, until = ?6"},
      {&gaps.extend_, "UPDATE gap SET last = max(last, ?3), events = events + ?4, until = ?6 WHERE lane = ?1 AND first = ?2"},
      {&gaps.end_, "DELETE FROM gap WHERE lane = ?1 AND first = ?2 AND last = ?3 AND events <= ?4"},
      {&gaps.thin_, "UPDATE gap SET events = events - ?4 WHERE lane = ?1 AND first = ?2 AND last = ?3"},
      // Where another begins already this one stays whole: rather told twice than not.
      {&gaps.cut_, "UPDATE OR IGNORE gap SET first = ?3 + 1, events = events - ?4 WHERE lane = ?1 AND first = ?2 AND last > ?3"},
      {&gaps.read_,
       "SELECT lane, first, last, events, reason, since, until, sink, class FROM gap JOIN lane ON id = lane ORDER BY lane, first LIMIT "
       "100"}};
  for (const auto& [statement, text] : sql) {
    Result<Statement> prepared = database.Prepare(text);
    if (!prepared) return tl::unexpected<Error>(prepared.error());
    *statement = std::move(*prepared);
  }
  return gaps;
}

Result<void> Gaps::Note(LaneId lane, DropReason reason, const std::vector<Dropped>& rows) {
  const WallTime now = std::chrono::system_clock::now();
  for (std::size_t i = 0; i < rows.size();) {
    Gap gap{.lane = lane, .first = rows[i].seq, .last = 0, .events = 0, .reason = reason, .since = now, .until = now};
    const Seq previous = rows[i].previous;
    do {
      gap.last = rows[i].seq;
      ++gap.events;
      ++i;
    } while (i < rows.size() && rows[i].previous <= gap.last);
    if (Result<void> added = Add(gap, previous); !added) return added;
  }
  return {};
}

// `previous`: the row of the lane before the gap's first. If that went for the same reason, its gap grows. (A row that was moved here may
// name one before the gap, and be younger or older than its last.)
Result<void> Gaps::Add(const Gap& gap, Seq previous) {
  before_.BindInt(1, gap.lane);
  before_.BindInt(2, static_cast<std::int64_t>(gap.first));
  Result<bool> found = before_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  const bool grows = *found && before_.Int(1) >= static_cast<std::int64_t>(previous) && before_.Int(2) == static_cast<int>(gap.reason);
  const std::int64_t first = grows ? before_.Int(0) : static_cast<std::int64_t>(gap.first);
  before_.Reset();
  Statement& write = grows ? extend_ : add_;
  write.BindInt(1, gap.lane);
  write.BindInt(2, first);
  write.BindInt(3, static_cast<std::int64_t>(gap.last));
  write.BindInt(4, static_cast<std::int64_t>(gap.events));
  if (!grows) write.BindInt(5, static_cast<std::int64_t>(gap.reason));
  write.BindInt(6, gap.since.time_since_epoch().count());
  return write.Run();
}

Result<void> Gaps::End(Sqlite& database, const Gap& told) {
  for (Statement* statement : {&end_, &thin_, &cut_}) {
    statement->BindInt(1, told.lane);
    statement->BindInt(2, static_cast<std::int64_t>(told.first));
    statement->BindInt(3, static_cast<std::int64_t>(told.last));
    statement->BindInt(4, static_cast<std::int64_t>(told.events));
    if (Result<void> run = statement->Run(); !run) return run;
    if (database.Changes() > 0) return {};
  }
  return {};
}

Result<std::vector<Gap>> Gaps::Read() {
  std::vector<Gap> gaps;
  const auto time = [&](int column) { return WallTime(std::chrono::nanoseconds(read_.Int(column))); };
  for (;;) {
    Result<bool> row = read_.Step();
    if (!row || !*row) {
      read_.Reset();
      if (!row) return tl::unexpected<Error>(row.error());
      return gaps;
    }
    gaps.push_back({.lane = static_cast<LaneId>(read_.Int(0)),
                    .sink = read_.Bytes(7),
                    .lane_class = read_.Bytes(8),
                    .first = static_cast<Seq>(read_.Int(1)),
                    .last = static_cast<Seq>(read_.Int(2)),
                    .events = static_cast<std::uint64_t>(read_.Int(3)),
                    .reason = static_cast<DropReason>(read_.Int(4)),
                    .since = time(5),
                    .until = time(6)});
  }
}

}  // namespace sluice
