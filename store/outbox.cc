#include "store/outbox.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <type_traits>
#include <utility>

#include "gateway/failpoint.h"
#include "gateway/start_reason.h"
#include "gateway/sync_directory.h"
#include "store/row_move.h"

namespace sluice {
namespace {

constexpr int kFormatMajor = 1;
constexpr int kFormatMinor = 3;
constexpr int kPageSize = 4096;
constexpr std::int64_t kVacuumPages = 256;
constexpr Bytes kLeastPart = 64u << 10;
constexpr Bytes kCommitBytes = 16 * kPageSize;  // What a transaction takes in the WAL besides its rows, about.
constexpr std::int64_t kVacuumFreePages = 4096;

// The lock comes before anything that reads the file: taken later, the WAL's index would be a shared file and not memory of ours.
// Debian's SQLite overwrites deleted rows with zeros and so writes every page once more when it is settled; flash has no use for it.
// (`wal_autocheckpoint` is not for us: setting it, even to 0, takes the place of the hook that counts frames.)
std::string Pragmas(const SpacePlan& plan) {
  return "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=" + std::to_string(kPageSize) +
         "; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1024;"
         "PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA max_page_count=" +
         std::to_string(plan.database / kPageSize) + "; PRAGMA journal_size_limit=" + std::to_string(plan.wal) + ";";
}

// The number of commits when the file was closed last.
constexpr const char* kClosedAfter = "closed_after";

constexpr const char* kSchema =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE lane(id INTEGER PRIMARY KEY, sink TEXT NOT NULL, class TEXT NOT NULL, UNIQUE(sink, class));"
    "CREATE TABLE dead_letter(lane INTEGER NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,"
    " at INTEGER NOT NULL, crc INTEGER NOT NULL, destination TEXT NOT NULL, key BLOB, metadata BLOB NOT NULL, payload BLOB NOT NULL,"
    " PRIMARY KEY(lane, seq));";

std::string DrawId() {
  unsigned char random[8];
  if (getrandom(random, sizeof random, 0) != sizeof random) std::abort();  // Cannot happen for so few bytes.
  char text[17];
  for (int i = 0; i < 8; ++i) std::snprintf(text + 2 * i, 3, "%02x", random[i]);
  return text;
}

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

template <typename T>
Batch Only(std::vector<T> Batch::*part, const std::type_identity_t<T>& one) {
  Batch batch;
  (batch.*part).push_back(one);
  return batch;
}

bool IsFull(const Result<void>& result) {
  return !result && result.error().code == ErrorCode::kFull;
}

// What must not be applied twice.
bool HasRows(const Batch& batch) {
  return !batch.appends.empty() || !batch.misfits.empty() || !batch.sources.empty();
}

// What keeping it takes in the WAL, about: most often it is on a page of its own.
Bytes WalBytes(const RuleRecord& record) {
  return kPageSize + record.key.size() + record.data.size();
}

}  // namespace

Outbox::Outbox(Options options, LockFile lock)
    : options_(std::move(options)),
      plan_(DivideSpace(options_.config.max_bytes)),
      part_bytes_(plan_.transaction / 2),
      lock_(std::move(lock)),
      ballast_(options_.config.path + "-ballast", plan_.ballast) {}

Result<Outbox> Outbox::Open(Options options) {
  const std::filesystem::path path(options.config.path);
  std::error_code error;
  if (options.as_found) {
    if (!std::filesystem::exists(path, error)) return Fail(ErrorCode::kUnavailable, "there is no outbox " + path.string());
  } else if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
  }
  if (error) return Fail(ErrorCode::kUnavailable, path.parent_path().string() + ": " + error.message());
  Result<LockFile> lock = LockFile::Acquire(options.config.path + "-lock");
  if (!lock) return tl::unexpected<Error>(lock.error());
  Outbox outbox(std::move(options), std::move(*lock));
  if (Result<void> opened = outbox.OpenOrSetAside(); !opened) return tl::unexpected<Error>(opened.error());
  outbox.was_closed_ = outbox.ledger_->Get(kClosedAfter) == outbox.ledger_->Get("commits");
  outbox.FillBallast();
  SyncDirectory(outbox.options_.config.path);
  return outbox;
}

void Outbox::FillBallast() {
  if (!options_.as_found) ballast_.Fill(options_.config.min_free_bytes);
}

Result<void> Outbox::OpenOrSetAside() {
  Result<void> opened = OpenFile();
  // A file of an older version is completed, and lanes are made: on a full disk too.
  if (IsFull(opened) && ballast_.Drop()) opened = OpenFile();
  const bool unusable = !opened && (opened.error().code == ErrorCode::kCorrupt || opened.error().code == ErrorCode::kInvalid);
  if (!unusable || options_.as_found) return opened;
  if (Result<void> aside = SetAside(); !aside) return aside;
  return OpenFile();
}

Result<void> Outbox::SetAside() {
  CloseFile();
  rows_are_there_ = false;
  start_.reset();
  const std::string& path = options_.config.path;
  for (int n = 1;; ++n) {
    set_aside_ = path + ".set-aside-" + std::to_string(n);
    if (!std::filesystem::exists(set_aside_)) break;
  }
  if (::rename(path.c_str(), set_aside_.c_str()) != 0) {
    return Fail(ErrorCode::kUnavailable, "cannot set " + path + " aside: " + std::strerror(errno));
  }
  ::rename((path + "-wal").c_str(), (set_aside_ + "-wal").c_str());
  SyncDirectory(path);
  return {};
}

Result<void> Outbox::OpenFile() {
  CloseFile();
  if (Result<void> touched = TouchFile(); !touched) return touched;
  Result<Sqlite> database = Sqlite::Open(options_.config.path, options_.vfs);
  if (!database) return tl::unexpected<Error>(database.error());
  database_ = std::move(*database);
  if (Result<void> set = database_->Execute(Pragmas(plan_)); !set) return set;
  if (Result<void> format = CheckFormat(); !format) return format;
  Result<Ledger> ledger = Ledger::Load(*database_);
  if (!ledger) return tl::unexpected<Error>(ledger.error());
  ledger_ = std::move(*ledger);
  if (Result<void> identity = LoadIdentity(); !identity) return identity;
  if (Result<void> prepared = PrepareFrequent(); !prepared) return prepared;
  Result<std::vector<LaneState>> lanes = LoadLanes(*database_, *ledger_, options_.lanes);
  if (!lanes) return tl::unexpected<Error>(lanes.error());
  lanes_ = std::move(*lanes);
  Result<DeadLetters> letters = DeadLetters::Prepare(*database_);
  if (!letters) return tl::unexpected<Error>(letters.error());
  letters_ = std::move(*letters);
  Result<Gaps> gaps = Gaps::Prepare(*database_);
  if (!gaps) return tl::unexpected<Error>(gaps.error());
  gaps_ = std::move(*gaps);
  Result<RuleRecords> rule_records = RuleRecords::Prepare(*database_);
  if (!rule_records) return tl::unexpected<Error>(rule_records.error());
  rule_records_ = std::move(*rule_records);
  return letters_->Measure(*database_, *ledger_);
}

// SQLite would make it readable for all; the WAL takes over the mode of the file.
Result<void> Outbox::TouchFile() {
  const int create = options_.as_found ? 0 : O_CREAT;
  const int file = ::open(options_.config.path.c_str(), O_RDWR | create | O_CLOEXEC, 0600);
  if (file < 0) return Fail(ErrorCode::kUnavailable, options_.config.path + ": " + std::strerror(errno));
  const bool is_new = ::lseek(file, 0, SEEK_END) == 0;
  ::close(file);
  return is_new && options_.as_found ? NoOutbox() : Result<void>();
}

Result<void> Outbox::NoOutbox() const {
  return Fail(ErrorCode::kInvalid, options_.config.path + " is no outbox");
}

Result<void> Outbox::PrepareFrequent() {
  FrequentStatements& all = frequent_.emplace();
  const std::pair<Statement*, const char*> sql[] = {{&all.begin, "BEGIN IMMEDIATE"},
                                                    {&all.commit, "COMMIT"},
                                                    {&all.page_count, "PRAGMA page_count"},
                                                    {&all.free_pages, "PRAGMA freelist_count"}};
  for (const auto& [statement, text] : sql) {
    Result<Statement> prepared = database_->Prepare(text);
    if (!prepared) return tl::unexpected<Error>(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

void Outbox::CloseFile() {
  tables_.clear();
  letters_.reset();
  gaps_.reset();
  rule_records_.reset();
  frequent_.reset();
  ledger_.reset();
  database_.reset();
}

Result<void> Outbox::CheckFormat() {
  Result<std::int64_t> tables = database_->QueryInt("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'");
  if (!tables) return tl::unexpected<Error>(tables.error());
  if (*tables == 0 && options_.as_found) return NoOutbox();
  if (*tables == 0) {
    return database_->Execute("BEGIN IMMEDIATE;" + std::string(kSchema) + "INSERT INTO meta VALUES('format_major', " +
                              std::to_string(kFormatMajor) + "), ('format_minor', " + std::to_string(kFormatMinor) + "); COMMIT;");
  }
  Result<std::int64_t> major = database_->QueryInt("SELECT value FROM meta WHERE name = 'format_major'");
  if (!major) return tl::unexpected<Error>(major.error());
  if (*major != kFormatMajor) return Fail(ErrorCode::kInvalid, "format " + std::to_string(*major) + " is not known to this version");
  return {};
}

Result<void> Outbox::LoadIdentity() {
  Result<std::string> id = database_->QueryText("SELECT value FROM meta WHERE name = 'outbox_id'");
  Result<std::string> machine = database_->QueryText("SELECT value FROM meta WHERE name = 'machine_id'");
  if (!id) return tl::unexpected<Error>(id.error());
  if (!machine) return tl::unexpected<Error>(machine.error());
  const std::string here = ReadLine(options_.machine_id_file);
  id_ = *id;
  // A clone of a box must not repeat the ids of its original.
  if ((!id->empty() && *machine == here) || options_.as_found) return {};
  id_ = DrawId();
  Result<Statement> write = database_->Prepare("INSERT OR REPLACE INTO meta VALUES('outbox_id', ?1), ('machine_id', ?2)");
  if (!write) return tl::unexpected<Error>(write.error());
  write->BindText(1, id_);
  write->BindText(2, here);
  return write->Run();
}

// Statements are prepared when a lane is first used: most lanes of a large configuration are idle.
template <typename Action>
auto Outbox::At(LaneId lane, const Action& action) -> decltype(action(std::declval<LaneTable&>())) {
  auto table = tables_.find(lane);
  if (table == tables_.end()) {
    Result<LaneTable> prepared = LaneTable::Prepare(*database_, lane);
    if (!prepared) return tl::unexpected<Error>(prepared.error());
    table = tables_.emplace(lane, std::move(*prepared)).first;
  }
  return action(table->second);
}

Result<void> Outbox::Commit(Batch& batch) {
  if (Result<void> open = EnsureOpen(); !open) return open;
  Result<void> done = CommitInParts(batch);
  // A disk that has little room may have enough for less at a time.
  while (IsFull(done) && !HasRows(batch) && batch.rule_records.empty() && part_bytes_ > kLeastPart) {
    part_bytes_ /= 2;
    done = CommitInParts(batch);
  }
  part_bytes_ = plan_.transaction / 2;
  return done;
}

Result<void> Outbox::CommitInParts(Batch& batch) {
  if (Result<void> ahead = SettleAhead(batch); !ahead) return ahead;
  const bool has_rows = HasRows(batch);
  const bool with_rows = has_rows && !rows_are_there_;
  const bool brings = with_rows || (!has_rows && Footprint(batch) > 0);
  if (brings) {
    if (Result<void> room = CheckRoom(batch); !room) return room;
  }
  if (Result<void> ahead = KeepAhead(batch); !ahead) return ahead;
  Result<void> result = brings ? TryCommit(batch, with_rows) : CommitWithoutRows(batch);
  if (result && has_rows) rows_are_there_ = false;
  return result;
}

// Records that one transaction would write too much of. With rows they are one transaction all the same, for which a WAL that begins anew
// has the most room. Those that no row caused go before it in parts; afterwards the batch finds nothing of them to change.
Result<void> Outbox::KeepAhead(const Batch& batch) {
  Bytes bytes = 0;
  for (const RuleRecord& record : batch.rule_records) bytes += WalBytes(record);
  if (bytes <= part_bytes_) return {};
  if (HasRows(batch)) return database_->Checkpoint(false);
  Batch part;
  part.last_seq = last_seq();
  bytes = 0;
  for (const RuleRecord& record : batch.rule_records) {
    bytes += WalBytes(record);
    if (bytes > part_bytes_ && !part.rule_records.empty()) {
      if (Result<void> done = TryCommit(part, false); !done) return done;
      part.rule_records.clear();
      bytes = WalBytes(record);
    }
    part.rule_records.push_back(record);
  }
  return {};
}

// What one transaction would write too much of goes before it, in transactions of its own: settling stands by itself. Afterwards the batch
// finds nothing of it.
Result<void> Outbox::SettleAhead(const Batch& batch) {
  const Bytes bound = part_bytes_;
  Bytes together = 0;
  for (const LaneSettle& settle : batch.settles) together += static_cast<Bytes>(ledger_->Get(LaneCounter(settle.lane, "pending_bytes")));
  if (together <= bound) return {};
  together = 0;
  for (const LaneSettle& settle : batch.settles) {
    Result<LaneTable::Measured> measured = At(settle.lane, [&](LaneTable& table) { return table.MeasureThrough(settle.through); });
    if (!measured) return tl::unexpected<Error>(measured.error());
    together += static_cast<Bytes>(measured->bytes);
  }
  if (together <= bound) return {};
  // Rows that leave in another way have to be gone before, or they would count as delivered.
  for (const DeadLetter& letter : batch.dead_letters) {
    if (Result<void> done = CommitAlone(Only(&Batch::dead_letters, letter)); !done) return done;
  }
  for (const LaneDrop& drop : batch.drops) {
    if (drop.IsOpen()) continue;
    if (Result<void> done = CommitAlone(Only(&Batch::drops, drop)); !done) return done;
  }
  for (const LaneSettle& settle : batch.settles) {
    if (Result<void> done = SettleInParts(settle); !done) return done;
  }
  return {};
}

Result<void> Outbox::SettleInParts(const LaneSettle& settle) {
  for (Seq part = 0; part < settle.through;) {
    Result<Seq> end = At(settle.lane, [&](LaneTable& table) { return table.EndOfPart(settle.through, part_bytes_); });
    if (!end) return tl::unexpected<Error>(end.error());
    part = *end;
    if (Result<void> done = CommitAlone(Only(&Batch::settles, {settle.lane, part})); !done) return done;
  }
  return {};
}

Result<void> Outbox::CommitAlone(Batch batch) {
  batch.last_seq = last_seq();
  return CommitWithoutRows(batch);
}

// On a full disk too: a WAL that was written back begins anew in the room that it has. If there is none to write it back to, the ballast
// is.
Result<void> Outbox::CommitWithoutRows(Batch& batch) {
  Result<void> done = TryCommit(batch, false);
  if (IsFull(done) && database_->Checkpoint(false)) done = TryCommit(batch, false);
  if (IsFull(done) && ballast_.Drop() && database_->Checkpoint(false)) done = TryCommit(batch, false);
  return done;
}

Result<void> Outbox::TryCommit(Batch& batch, bool with_rows) {
  if (!batch.settles.empty()) Failpoint("before_settle");
  if (!batch.drops.empty()) Failpoint("before_drop");
  Result<void> applied = Transact(with_rows, [&] { return Apply(batch, with_rows); });
  return with_rows && rows_are_there_ ? Result<void>() : applied;
}

Result<void> Outbox::Transact(bool has_rows, const std::function<Result<void>()>& apply) {
  // The WAL has room for one more transaction, or there is none.
  if (Result<void> kept = KeepWalShort(); !kept) return kept;
  Result<void> applied = frequent_->begin.Run();
  if (applied) applied = apply();
  if (applied) applied = ledger_->Write();
  if (applied) {
    Failpoint("before_commit");
    applied = frequent_->commit.Run();
    Failpoint("after_commit");
  }
  if (applied) {
    ledger_->Keep();
    return applied;
  }
  ledger_->Forget();
  const bool rolled_back = applied.error().code == ErrorCode::kFull;
  if (rolled_back) {
    database_->Rollback();
    return applied;
  }
  Doubt(has_rows);
  // Most often the disk is well again: find out at once what became of it.
  (void)EnsureOpen();
  return applied;
}

void Outbox::Doubt(bool has_rows) {
  in_doubt_ = InDoubt{ledger_->Get("commits") + 1, has_rows};
  CloseFile();
}

Result<void> Outbox::EnsureOpen() {
  if (database_) return {};
  if (Result<void> opened = OpenOrSetAside(); !opened) {
    CloseFile();
    return Fail(ErrorCode::kUnavailable, opened.error().message);
  }
  // What reads back may be in memory only, after the fsync that failed: written through, it is on disk or we get an error again.
  if (Result<void> through = database_->Checkpoint(true); !through) {
    CloseFile();
    return through;
  }
  if (in_doubt_ && in_doubt_->has_rows) rows_are_there_ = ledger_->Get("commits") >= in_doubt_->number;
  in_doubt_.reset();
  return {};
}

Result<void> Outbox::CheckRoom(const Batch& batch) {
  const Bytes bytes = Footprint(batch);
  if (bytes == 0) return {};
  const Bytes bound = batch.reserved || !HasRows(batch) ? plan_.reserved : plan_.intake;
  for (std::int64_t before = std::numeric_limits<std::int64_t>::max();;) {
    Result<std::int64_t> pages = frequent_->page_count.QueryInt();
    Result<std::int64_t> free_pages = frequent_->free_pages.QueryInt();
    if (!pages) return tl::unexpected<Error>(pages.error());
    if (!free_pages) return tl::unexpected<Error>(free_pages.error());
    const bool shrinks = std::exchange(before, *free_pages) > *free_pages;
    const Bytes used = static_cast<Bytes>(*pages - *free_pages) * kPageSize;
    if (used + bytes > bound) return Fail(ErrorCode::kFull, "the outbox has reached outbox.max_bytes");
    const std::int64_t spare = *free_pages - static_cast<std::int64_t>(2 * bytes / kPageSize + 1);
    if (FitsDisk(bytes, spare < 0)) return {};
    // A WAL that was written back begins anew in the room that it has; the ballast may become room of the WAL.
    if (database_->Checkpoint(false) && (FitsDisk(bytes, spare < 0) || (ballast_.Drop() && FitsDisk(bytes, spare < 0)))) return {};
    if (spare < 0) return Fail(ErrorCode::kFull, "the file system has less than outbox.min_free_bytes left");
    // The database has free pages: no use in giving up rows for more of them. Those that it does not need become room of the WAL.
    if (!shrinks || !Shrink(spare)) return Fail(ErrorCode::kUnavailable, "the file system is full");
  }
}

bool Outbox::Vacuum(std::int64_t pages) {
  return database_->Execute("PRAGMA incremental_vacuum(" + std::to_string(pages) + ")").has_value();
}

// Fewer pages at a time if there is no room for more.
bool Outbox::Shrink(std::int64_t pages) {
  for (std::int64_t part = std::min(pages, kVacuumPages); part > 0; part /= 4) {
    if (Vacuum(part)) return database_->Checkpoint(false).has_value();
  }
  return false;
}

// What the next checkpoint adds to the database's file.
Bytes Outbox::UnwrittenBytes() {
  const Result<std::int64_t> pages = frequent_->page_count.QueryInt();
  const Bytes database = pages ? static_cast<Bytes>(*pages) * kPageSize : 0;
  std::error_code error;
  const std::uintmax_t written = std::filesystem::file_size(options_.config.path, error);
  return error || written > database ? 0 : database - written;
}

// Rows are let in only while the WAL can still be written back after them, and something is left to settle with: a disk that is full to the
// brim can not be emptied. A WAL that begins anew has its own room, which is none to write it back to.
bool Outbox::FitsDisk(Bytes bytes, bool grows) {
  const Bytes free = FreeBytes(options_.config.path);
  const Bytes growth = UnwrittenBytes() + (grows ? bytes + options_.config.min_free_bytes : 0);
  if (free < growth) return false;
  std::error_code error;
  const std::uintmax_t wal = database_->WalFrames() == 0 ? std::filesystem::file_size(options_.config.path + "-wal", error) : 0;
  return free - growth + (error ? 0 : wal) >= std::max(bytes + kCommitBytes, ballast_.IsThere() ? 0 : plan_.ballast / 4);
}

Result<void> Outbox::Apply(Batch& batch, bool with_rows) {
  // What is given up makes room for the dead letters, which are copied before they leave their lane.
  batch.dropped.clear();
  Bytes room = part_bytes_;
  for (const LaneDrop& drop : batch.drops) {
    Result<DroppedRows> dropped = At(drop.lane, [&](LaneTable& table) { return table.Drop(*ledger_, *gaps_, drop, room); });
    if (!dropped) return tl::unexpected<Error>(dropped.error());
    batch.dropped.push_back(*dropped);
  }
  for (const DeadLetter& letter : batch.dead_letters) {
    if (Result<void> done = letters_->Keep(*database_, *ledger_, letter); !done) return done;
  }
  for (const LaneSettle& settle : batch.settles) {
    Result<void> done = At(settle.lane, [&](LaneTable& table) { return table.Settle(*database_, *ledger_, settle.through); });
    if (!done) return done;
  }
  for (const LaneReplay& replay : batch.replays) {
    Result<void> done = replay.from ? MoveRows(*database_, *ledger_, *gaps_, replay) : letters_->Replay(*database_, *ledger_, replay);
    if (!done) return done;
  }
  // After the settling: most often it has emptied the lane, and the new rows take the pages that it gave back.
  if (with_rows) {
    for (const LaneAppend& append : batch.appends) {
      Result<void> done = At(append.lane, [&](LaneTable& table) { return table.Append(*ledger_, append.rows); });
      if (!done) return done;
    }
    for (const Gap& told : batch.told_gaps) {
      if (Result<void> done = gaps_->End(*database_, told); !done) return done;
    }
    for (const Misfit& misfit : batch.misfits) {
      if (Result<void> done = letters_->KeepMisfit(*ledger_, misfit); !done) return done;
    }
    Count(batch);
  }
  // Also if the rows are there already: what is kept as it is to be is not written again.
  for (const RuleRecord& record : batch.rule_records) {
    if (Result<void> done = rule_records_->Keep(record); !done) return done;
  }
  if (Result<void> done = BoundLetters(batch, with_rows); !done) return done;
  CountStart(batch.clock.reading);
  KeepClock(batch.clock);
  ledger_->Set("last_seq", std::max(ledger_->Get("last_seq"), static_cast<std::int64_t>(batch.last_seq)));
  ledger_->Add("commits", 1);
  return {};
}

// Whatever has come to the dead letters, there are not more of them afterwards than there may be.
Result<void> Outbox::BoundLetters(const Batch& batch, bool with_rows) {
  std::optional<WallTime> now;
  if (with_rows && !batch.misfits.empty()) now = batch.misfits.back().row.event.received;
  if (!batch.dead_letters.empty()) now = batch.dead_letters.back().when;
  if (!now) return {};
  Result<bool> expired = letters_->Expire(*ledger_, options_.config.dead_letters, *now);
  if (!expired) return tl::unexpected<Error>(expired.error());
  return {};
}

void Outbox::Count(const Batch& batch) {
  for (const SourceCount& count : batch.sources) {
    const std::string name = "source/" + count.source + "/";
    const std::pair<const char*, std::uint64_t> all[] = {{"received", count.received},
                                                         {"routed", count.routed},
                                                         {"unrouted", count.unrouted},
                                                         {"duplicate", count.duplicate},
                                                         {"refused/too_large", count.too_large},
                                                         {"refused/retained", count.retained},
                                                         {"refused/reserved_topic", count.reserved},
                                                         {"unprotected", count.unprotected},
                                                         {"qos2", count.qos2},
                                                         {"redelivered", count.redelivered}};
    for (const auto& [what, amount] : all) {
      if (amount > 0) ledger_->Add(name + what, static_cast<std::int64_t>(amount));
    }
  }
}

// With the first transaction that knows the time: that saves one of its own. Set, not added: its outcome may be unknown.
void Outbox::CountStart(const ClockReading& now) {
  if (now.boot == BootTime{}) return;
  if (!start_) {
    std::string name = "starts/" + std::string(StartReason(clock(), was_closed_, now));
    const std::int64_t count = ledger_->Get(name) + 1;
    start_ = {std::move(name), count};
  }
  ledger_->Set(start_->first, start_->second);
}

Result<std::vector<Gap>> Outbox::ReadGaps() {
  if (Result<void> open = EnsureOpen(); !open) return tl::unexpected<Error>(open.error());
  return gaps_->Read();
}

Result<RuleRecordRead> Outbox::ReadRuleRecords() {
  if (Result<void> open = EnsureOpen(); !open) return tl::unexpected<Error>(open.error());
  return rule_records_->Read();
}

void Outbox::KeepClock(const ClockKept& clock) {
  if (clock.reading.boot == BootTime{}) return;
  ledger_->Set("clock/running_ms", clock.running.count());
  ledger_->Set("clock/wall_ns", clock.reading.wall.time_since_epoch().count());
  ledger_->Set("clock/boot", static_cast<std::int64_t>(clock.reading.boot.boot));
  ledger_->Set("clock/since_boot_ns", clock.reading.boot.since_boot.count());
  ledger_->Set("clock/synchronized", clock.reading.synchronized ? 1 : 0);
  if (clock.alive.count() == 0) return;  // Nobody asks without rules.
  ledger_->Set("clock/alive_ms", clock.alive.count());
  ledger_->Set("clock/off_ms", clock.off.count());
}

ClockKept Outbox::clock() const {
  using std::chrono::nanoseconds;
  ClockKept kept;
  kept.running = RunningTime(ledger_->Get("clock/running_ms"));
  kept.reading.wall = WallTime(nanoseconds(ledger_->Get("clock/wall_ns")));
  kept.reading.boot = {static_cast<std::uint64_t>(ledger_->Get("clock/boot")), nanoseconds(ledger_->Get("clock/since_boot_ns"))};
  kept.reading.synchronized = ledger_->Get("clock/synchronized") != 0;
  kept.alive = AliveTime(ledger_->Get("clock/alive_ms"));
  kept.off = AliveTime(ledger_->Get("clock/off_ms"));
  return kept;
}

// Early while the database grows: the ballast is to be room enough for it if others fill the disk, and on a disk that is small it may be
// gone.
bool Outbox::IsCheckpointDue() {
  if (static_cast<Bytes>(database_->WalFrames()) * kPageSize >= plan_.checkpoint) return true;
  const Bytes unwritten = UnwrittenBytes();
  if (unwritten == 0) return false;
  return unwritten > plan_.ballast / 2 || FreeBytes(options_.config.path) < unwritten + plan_.transaction;
}

Result<void> Outbox::KeepWalShort() {
  if (!IsCheckpointDue()) return {};
  Failpoint("before_checkpoint");
  if (Result<void> checkpoint = database_->Checkpoint(false); !checkpoint) return checkpoint;
  FillBallast();
  return {};
}

// One that fails is tried again before the next transaction; nothing is lost by it.
void Outbox::CheckpointIfDue() {
  if (database_) (void)KeepWalShort();
}

bool Outbox::GiveBack() {
  if (!database_ || options_.as_found) return false;
  Result<std::int64_t> free_pages = frequent_->free_pages.QueryInt();
  if (!free_pages || *free_pages <= kVacuumFreePages) return false;
  if (!Vacuum(kVacuumPages)) return false;
  return KeepWalShort().has_value();
}

Result<LaneRead> Outbox::Read(LaneId lane, Seq after, std::size_t max_bytes) {
  if (Result<void> open = EnsureOpen(); !open) return tl::unexpected<Error>(open.error());
  return At(lane, [&](LaneTable& table) { return table.Read(after, max_bytes); });
}

Result<DroppedRows> Outbox::PurgeRows(LaneId lane) {
  Batch batch = Only(&Batch::drops, {.lane = lane, .reason = DropReason::kPurged});
  if (Result<void> done = Commit(batch); !done) return tl::unexpected<Error>(done.error());
  return batch.dropped[0];
}

Result<LetterPage> Outbox::ReadLetters(const LetterQuery& query) {
  if (Result<void> open = EnsureOpen(); !open) return tl::unexpected<Error>(open.error());
  return letters_->Read(query);
}

Result<std::uint64_t> Outbox::PurgeLetters(LaneId lane, const std::vector<Seq>& seqs) {
  return Change<std::uint64_t>([&] { return letters_->Purge(*ledger_, lane, seqs); });
}

Result<bool> Outbox::ExpireLetters(WallTime now) {
  return Change<bool>([&] { return letters_->Expire(*ledger_, options_.config.dead_letters, now); });
}

// A transaction of its own, with what `change` says.
template <typename T>
Result<T> Outbox::Change(const std::function<Result<T>()>& change) {
  if (Result<void> open = EnsureOpen(); !open) return tl::unexpected<Error>(open.error());
  T value{};
  Result<void> done = Transact(false, [&]() -> Result<void> {
    Result<T> changed = change();
    if (!changed) return tl::unexpected<Error>(changed.error());
    value = *changed;
    return {};
  });
  if (!done) return tl::unexpected<Error>(done.error());
  return value;
}

Result<StoreCounters> Outbox::Account() {
  if (Result<void> open = EnsureOpen(); !open) return tl::unexpected<Error>(open.error());
  const std::string& path = options_.config.path;
  StoreCounters counters{ledger_->All(), 0, FreeBytes(path), {}};
  for (const char* file : {"", "-wal", "-ballast"}) {
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(path + file, missing);
    if (!missing) counters.file_bytes += size;
  }
  for (const LaneState& lane : lanes_) {
    Result<LaneRead> first = Read(lane.id, 0, 1);
    if (!first) return tl::unexpected<Error>(first.error());
    if (!first->rows.empty()) counters.oldest[lane.id] = first->rows[0].event.received;
  }
  return counters;
}

Result<void> Outbox::Reopen(const OutboxConfig& config, std::vector<LaneName> lanes) {
  Close();
  const SpacePlan plan = DivideSpace(config.max_bytes);
  if (plan_.ballast != plan.ballast) ballast_.Drop();
  options_.config = config;
  options_.lanes = std::move(lanes);
  plan_ = plan;
  part_bytes_ = plan_.transaction / 2;
  ballast_ = Ballast(config.path + "-ballast", plan_.ballast);
  if (Result<void> opened = EnsureOpen(); !opened) return opened;
  // Whose batch it was that may have been written already is gone, and will not ask for it again.
  rows_are_there_ = false;
  FillBallast();
  return {};
}

void Outbox::Close() {
  // Who looks after a crash leaves the traces of it.
  if (database_ && (!options_.as_found || was_closed_)) {
    // Nothing that matters depends on it: a start that does not find it is taken for one after a crash.
    (void)Transact(false, [&] {
      ledger_->Set(kClosedAfter, ledger_->Get("commits"));
      return Result<void>();
    });
  }
  if (database_) (void)database_->Checkpoint(true);
  CloseFile();
}

}  // namespace sluice
