// The outbox against a naive model in memory: whatever is done to it, in whatever order, with failing disks and reopens in between, both
// hold the same rows, sums, gaps and rule records after every step. A failure prints its seed; SLUICE_MODEL_SEED=<seed> runs that one
// alone.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "gateway/own_event.h"
#include "store/outbox.h"
#include "store/row_codec.h"
#include "tests/fault_vfs.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

constexpr LaneId kLanes = 3;
constexpr Bytes kMaxBytes = 16u << 20;
constexpr int kSteps = 250;

Bytes SizeOf(const Row& row) {
  std::string metadata;
  EncodeMetadata(row, metadata);
  return 64 + row.destination.size() + (row.key ? row.key->size() : 0) + metadata.size() + row.event.payload.size();
}

struct ModelGap {
  Seq last;
  std::uint64_t events;
  DropReason reason;
  bool operator==(const ModelGap&) const = default;
};

struct ModelLane {
  std::map<Seq, Row> rows;
  std::map<Seq, ModelGap> gaps;  // By their first seq.
  Seq last_seq = 0;
  std::int64_t in = 0;
  std::int64_t delivered = 0;
  std::int64_t dead = 0;
  std::set<Seq> letters;
  std::map<DropReason, std::int64_t> dropped;
};

using RecordName = std::tuple<RuleRecord::Kind, std::string, std::string>;

class Model {
 public:
  std::map<LaneId, ModelLane> lanes;
  std::map<RecordName, std::string> rule_records;
  Seq last_seq = 0;

  std::vector<Seq> Doomed(const LaneDrop& drop) {
    std::vector<Seq> seqs;
    Bytes bytes = 0;
    for (const auto& [seq, row] : lanes[drop.lane].rows) {
      if (seq <= drop.after || seq > drop.through) continue;
      const bool quota = drop.reason == DropReason::kQuota;
      if (quota && bytes >= drop.bytes) break;
      if (quota ? row.event.topic == kGapsTopic : !row.deadline || *row.deadline >= drop.now) continue;
      seqs.push_back(seq);
      bytes += SizeOf(row);
    }
    return seqs;
  }
  void Drop(const LaneDrop& drop) { Leave(lanes[drop.lane], Doomed(drop), drop.reason); }
  void Purge(LaneId id, std::uint64_t rows) {
    std::vector<Seq> seqs;
    for (auto it = lanes[id].rows.begin(); seqs.size() < rows; ++it) seqs.push_back(it->first);
    Leave(lanes[id], seqs, DropReason::kPurged);
  }
  void Move(const LaneReplay& replay) {
    ModelLane& to = lanes[replay.lane];
    Seq previous = replay.from->previous;
    for (Row& row : Leave(lanes[replay.from->lane], replay.seqs, DropReason::kMoved)) {
      row.previous = previous;
      if (to.letters.contains(row.seq) || !to.rows.try_emplace(row.seq, row).second) continue;
      previous = row.seq;
      to.last_seq = std::max(to.last_seq, row.seq);
      ++to.in;
    }
  }
  /// All but the drops.
  void ApplyRest(const Batch& batch) {
    for (const DeadLetter& letter : batch.dead_letters) {
      ModelLane& lane = lanes[letter.lane];
      if (lane.rows.erase(letter.seq) == 0) continue;
      ++lane.dead;
      lane.letters.insert(letter.seq);
    }
    for (const LaneSettle& settle : batch.settles) {
      ModelLane& lane = lanes[settle.lane];
      const auto end = lane.rows.upper_bound(settle.through);
      lane.delivered += std::distance(lane.rows.begin(), end);
      lane.rows.erase(lane.rows.begin(), end);
    }
    for (const LaneAppend& append : batch.appends) {
      ModelLane& lane = lanes[append.lane];
      for (const Row& row : append.rows) lane.rows[row.seq] = row;
      lane.in += static_cast<std::int64_t>(append.rows.size());
      if (!append.rows.empty()) lane.last_seq = append.rows.back().seq;
    }
    for (const Gap& told : batch.told_gaps) Tell(told);
    for (const RuleRecord& record : batch.rule_records) {
      const RecordName name(record.kind, record.rule, record.key);
      rule_records.erase(name);
      if (!record.data.empty()) rule_records[name] = record.data;
    }
    last_seq = batch.last_seq;
  }

 private:
  static std::vector<Row> Leave(ModelLane& lane, const std::vector<Seq>& seqs, DropReason reason) {
    std::vector<Row> rows;
    for (Seq seq : seqs) rows.push_back(lane.rows.extract(seq).mapped());
    NoteGaps(lane, rows, reason);
    lane.dropped[reason] += static_cast<std::int64_t>(rows.size());
    return rows;
  }
  /// `rows` left one after the other.
  static void NoteGaps(ModelLane& lane, const std::vector<Row>& rows, DropReason reason) {
    for (std::size_t i = 0; i < rows.size();) {
      const Seq first = rows[i].seq;
      const Seq previous = rows[i].previous;
      ModelGap gap{0, 0, reason};
      for (; gap.events == 0 || (i < rows.size() && rows[i].previous <= gap.last); ++i) {
        gap.last = rows[i].seq;
        ++gap.events;
      }
      const auto after = lane.gaps.upper_bound(first);
      const bool any = after != lane.gaps.begin();
      const auto before = any ? std::prev(after) : after;
      const bool grows = any && before->second.last >= previous && before->second.reason == reason;
      ModelGap& grown = grows ? before->second : lane.gaps[first];
      grown = {std::max(grown.last, gap.last), grown.events + gap.events, reason};
    }
  }
  void Tell(const Gap& told) {
    auto& gaps = lanes[told.lane].gaps;
    const auto it = gaps.find(told.first);
    if (it == gaps.end() || it->second.last < told.last) return;
    ModelGap rest = it->second;
    if (rest.last == told.last && rest.events <= told.events) {
      gaps.erase(it);
      return;
    }
    if (rest.last > told.last && gaps.contains(told.last + 1)) return;
    rest.events -= told.events;
    gaps.erase(it);
    gaps[rest.last == told.last ? told.first : told.last + 1] = rest;
  }
};

class Run {
 public:
  explicit Run(std::uint64_t seed) : random_(seed) { Open(); }

  void Step() {
    Batch batch = MakeBatch();
    if (Chance(5)) vfs_.Fail(static_cast<FaultVfs::Fault>(1 + Below(3)), static_cast<int>(Below(12)), 1 + static_cast<int>(Below(5)));
    Commit(std::move(batch));
    vfs_.Heal();
    if (Chance(10)) Purge();
    if (Chance(4)) Move();
    if (Chance(20)) Reopen();
    while (Chance(10) && outbox_->GiveBack()) {
    }
    Compare();
  }
  int failures() const { return vfs_.failures(); }

 private:
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  bool Chance(std::uint64_t one_in) { return Below(one_in) == 0; }

  void Open() {
    Outbox::Options options;
    options.config.path = dir_.Path("outbox.db");
    options.config.max_bytes = kMaxBytes;
    options.config.min_free_bytes = 0;
    options.lanes = {{"cloud", "alert"}, {"cloud", "bulk"}, {"copy", "bulk"}};
    options.machine_id_file = dir_.Write("machine-id", "here\n");
    options.vfs = vfs_.name();
    Result<Outbox> opened = Outbox::Open(options);
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    outbox_.emplace(std::move(*opened));
  }
  void Reopen() {
    if (Chance(2)) outbox_->Close();
    outbox_.reset();
    Open();
    REQUIRE(outbox_->set_aside().empty());
  }

  Row MakeRow(LaneId lane, Seq seq) {
    Row row;
    row.seq = seq;
    row.previous = std::exchange(ends_[lane], seq);
    row.source = "local";
    row.destination = Chance(3) ? "pl\xc3\xa4nt" : "plant";
    if (Chance(3)) row.key = std::string(Below(20), 'k');
    if (Chance(3)) row.deadline = RunningTime(Below(2'000));
    if (Chance(5)) row.unsynchronized = BootTime{Below(9), std::chrono::milliseconds(Below(1'000'000))};
    row.event.topic = Chance(8) ? std::string(kGapsTopic) : "plant/\xc3\xa4/1";
    row.event.payload.assign(Chance(15) ? Below(40'000) : Below(600), static_cast<char>(Below(256)));
    return row;
  }

  Batch MakeBatch() {
    Batch batch;
    if (Chance(2)) AddRuleRecords(batch);
    batch.last_seq = seq_;
    if (Chance(8)) return batch;
    if (Chance(3)) AddGaps(batch);
    for (LaneId lane = 1; lane <= kLanes; ++lane) {
      if (Chance(3)) AddSettling(batch, lane);
      if (Chance(4)) AddDrop(batch, lane);
      if (Chance(2)) AddRows(batch, lane);
    }
    batch.last_seq = seq_;
    batch.sources.push_back({.source = "local", .received = 1, .routed = 1});
    return batch;
  }
  void AddRuleRecords(Batch& batch) {
    for (std::uint64_t n = Below(Chance(10) ? 900 : 8); n > 0; --n) {
      const bool is_state = Chance(2);
      RuleRecord record{is_state ? RuleRecord::Kind::kState : RuleRecord::Kind::kMemory, "r" + std::to_string(Below(3)),
                        std::string(Below(30), static_cast<char>(Below(3))), ""};
      if (!Chance(4)) record.data.assign(1 + Below(!is_state && Chance(20) ? 60'000 : 200), static_cast<char>(Below(256)));
      batch.rule_records.push_back(std::move(record));
    }
  }
  void AddRows(Batch& batch, LaneId lane) {
    LaneAppend& append = batch.appends.emplace_back();
    append.lane = lane;
    for (std::uint64_t n = Below(12); n > 0; --n) {
      seq_ += 1 + Below(2);
      append.rows.push_back(MakeRow(lane, seq_));
    }
  }
  // Some of those that were read a while ago and may have grown since.
  void AddGaps(Batch& batch) {
    Result<std::vector<Gap>> read = outbox_->ReadGaps();
    REQUIRE(read.has_value());
    for (const Gap& gap : known_gaps_) {
      if (!Chance(3)) batch.told_gaps.push_back(gap);
    }
    known_gaps_ = std::move(*read);
  }
  void AddSettling(Batch& batch, LaneId lane) {
    const auto& rows = model_.lanes[lane].rows;
    if (rows.empty()) return;
    const auto through = std::next(rows.begin(), static_cast<std::ptrdiff_t>(Below(rows.size())));
    for (auto it = rows.begin(); it != std::next(through); ++it) {
      if (Chance(10)) batch.dead_letters.push_back({lane, it->first, "refused", 1, WallTime{}});
      // One that was given to the sink before and is too old now; the forwarder says so of nothing else.
      const bool is_dead =
          !batch.dead_letters.empty() && batch.dead_letters.back().lane == lane && batch.dead_letters.back().seq == it->first;
      if (!is_dead && it->second.deadline && Chance(4)) {
        batch.drops.push_back({lane, it->first - 1, it->first, DropReason::kExpired, 0, *it->second.deadline + RunningTime(1)});
      }
    }
    batch.settles.push_back({lane, through->first});
    given_[lane] = through->first;
  }
  void AddDrop(Batch& batch, LaneId lane) {
    LaneDrop drop{.lane = lane, .after = given_[lane]};
    if (Chance(2)) {
      drop.bytes = 1 + Below(30'000);
    } else {
      drop.reason = DropReason::kExpired;
      drop.now = RunningTime(Below(2'500));
    }
    batch.drops.push_back(drop);
  }

  // As the committer does: what failed is tried again without its drops, which are asked for anew.
  void Commit(Batch batch) {
    Result<void> done = outbox_->Commit(batch);
    if (done) {
      for (std::size_t i = 0; i < batch.drops.size(); ++i) {
        CHECK(batch.dropped.at(i).events == DoomedNow(batch.drops[i]));
        model_.Drop(batch.drops[i]);
      }
      return model_.ApplyRest(batch);
    }
    const bool was_done = FindOut(batch);
    for (const LaneDrop& drop : batch.drops) {
      if (was_done || !drop.IsOpen()) model_.Drop(drop);
    }
    std::erase_if(batch.drops, [](const LaneDrop& drop) { return drop.IsOpen(); });
    for (int tries = 0; !done; ++tries) {
      if (tries > 3) vfs_.Heal();
      REQUIRE_MESSAGE(tries < 20, done.error().message);
      done = outbox_->Commit(batch);
    }
    model_.ApplyRest(batch);
  }
  void Fault() {
    if (Chance(3)) vfs_.Fail(static_cast<FaultVfs::Fault>(1 + Below(3)), static_cast<int>(Below(12)), 1 + static_cast<int>(Below(5)));
  }
  // What failed may be done all the same; the ledger says so.
  void Purge() {
    const LaneId lane = 1 + static_cast<LaneId>(Below(kLanes));
    const auto rows = static_cast<std::int64_t>(model_.lanes[lane].rows.size());
    const std::string name = "lane/" + std::to_string(lane) + "/dropped/purged";
    const std::int64_t before = outbox_->Counters()[name];
    Fault();
    const Result<DroppedRows> purged = outbox_->PurgeRows(lane);
    vfs_.Heal();
    Batch nothing;
    REQUIRE(outbox_->Commit(nothing).has_value());
    const std::int64_t gone = outbox_->Counters()[name] - before;
    if (purged) REQUIRE(static_cast<std::int64_t>(purged->events) == gone);
    REQUIRE(gone <= rows);
    if (purged && rows > 0) REQUIRE(gone > 0);
    model_.Purge(lane, static_cast<std::uint64_t>(gone));
  }
  void Move() {
    const LaneId from = 1 + static_cast<LaneId>(Below(kLanes));
    const LaneId to = 1 + (from + static_cast<LaneId>(Below(kLanes - 1))) % kLanes;
    LaneReplay replay{.lane = to, .seqs = {}, .bytes = 0, .from = LaneOrigin{.lane = from, .previous = 0}};
    for (const auto& [seq, row] : model_.lanes[from].rows) {
      if (!Chance(3)) replay.seqs.push_back(seq);
    }
    Batch batch;
    batch.replays.push_back(replay);
    Fault();
    Result<void> done = outbox_->Commit(batch);
    for (int tries = 0; !done; ++tries) {
      vfs_.Heal();
      REQUIRE_MESSAGE(tries < 20, done.error().message);
      done = outbox_->Commit(batch);
    }
    vfs_.Heal();
    model_.Move(replay);
  }
  std::size_t DoomedNow(const LaneDrop& drop) { return model_.Doomed(drop).size(); }
  // The outcome of a commit that failed may be unknown; its number in the ledger says what became of it.
  bool FindOut(const Batch& batch) {
    vfs_.Heal();
    Batch nothing;
    nothing.last_seq = model_.last_seq;
    REQUIRE(outbox_->Commit(nothing).has_value());
    const auto counters = outbox_->Counters();
    for (const LaneDrop& drop : batch.drops) {
      if (!drop.IsOpen() || DoomedNow(drop) == 0) continue;
      return Dropped(counters, drop.lane) > ModelDropped(drop.lane) + SinglesOf(batch, drop.lane);
    }
    return false;
  }
  static std::int64_t Dropped(const std::map<std::string, std::int64_t>& counters, LaneId lane) {
    std::int64_t sum = 0;
    for (const char* reason : {"quota", "ttl", "purged", "moved"}) {
      const auto it = counters.find("lane/" + std::to_string(lane) + "/dropped/" + reason);
      if (it != counters.end()) sum += it->second;
    }
    return sum;
  }
  std::int64_t ModelDropped(LaneId lane) {
    std::int64_t sum = 0;
    for (const auto& [reason, rows] : model_.lanes[lane].dropped) sum += rows;
    return sum;
  }
  // Those may have gone ahead of the rest.
  static std::int64_t SinglesOf(const Batch& batch, LaneId lane) {
    return std::count_if(batch.drops.begin(), batch.drops.end(), [&](const LaneDrop& d) { return !d.IsOpen() && d.lane == lane; });
  }

  void Compare() {
    const auto counters = outbox_->Counters();
    const auto count = [&](LaneId lane, const std::string& what) {
      const auto it = counters.find("lane/" + std::to_string(lane) + "/" + what);
      return it == counters.end() ? 0 : it->second;
    };
    CHECK(outbox_->last_seq() == model_.last_seq);
    for (LaneId lane = 1; lane <= kLanes; ++lane) {
      CAPTURE(lane);
      ModelLane& model = model_.lanes[lane];
      CompareRows(lane, model);
      const auto pending = static_cast<std::int64_t>(model.rows.size());
      Bytes bytes = 0;
      for (const auto& [seq, row] : model.rows) bytes += SizeOf(row);
      REQUIRE(count(lane, "in") == model.in);
      REQUIRE(count(lane, "delivered") == model.delivered);
      REQUIRE(count(lane, "dead_lettered") == model.dead);
      REQUIRE(count(lane, "dropped/quota") == model.dropped[DropReason::kQuota]);
      REQUIRE(count(lane, "dropped/ttl") == model.dropped[DropReason::kExpired]);
      REQUIRE(count(lane, "dropped/purged") == model.dropped[DropReason::kPurged]);
      REQUIRE(count(lane, "dropped/moved") == model.dropped[DropReason::kMoved]);
      REQUIRE(count(lane, "pending") == pending);
      REQUIRE(count(lane, "pending_bytes") == static_cast<std::int64_t>(bytes));
      REQUIRE(count(lane, "last_seq") == static_cast<std::int64_t>(model.last_seq));
      REQUIRE(model.in == model.delivered + pending + model.dead + ModelDropped(lane));
    }
    CompareGaps();
    CompareRuleRecords();
  }
  void CompareRuleRecords() {
    Result<RuleRecordRead> read = outbox_->ReadRuleRecords();
    REQUIRE(read.has_value());
    CHECK(read->damaged == 0);
    std::map<RecordName, std::string> found;
    for (RuleRecord& record : read->records) found[{record.kind, record.rule, record.key}] = std::move(record.data);
    REQUIRE(found.size() == read->records.size());
    REQUIRE(found == model_.rule_records);
  }
  void CompareRows(LaneId lane, const ModelLane& model) {
    auto expected = model.rows.begin();
    for (Seq after = 0;;) {
      Result<LaneRead> read = outbox_->Read(lane, after, 64u << 10);
      REQUIRE(read.has_value());
      REQUIRE(read->damaged.empty());
      for (const Row& row : read->rows) {
        REQUIRE(expected != model.rows.end());
        REQUIRE(row.seq == expected->first);
        REQUIRE(row.event.payload == expected->second.event.payload);
        REQUIRE(row.previous == expected->second.previous);
        REQUIRE(row.deadline == expected->second.deadline);
        REQUIRE(row.unsynchronized == expected->second.unsynchronized);
        ++expected;
      }
      if (read->end) break;
      after = read->rows.back().seq;
    }
    REQUIRE(expected == model.rows.end());
  }
  void CompareGaps() {
    Result<std::vector<Gap>> read = outbox_->ReadGaps();
    REQUIRE(read.has_value());
    std::size_t all = 0;
    for (const auto& [lane, model] : model_.lanes) all += model.gaps.size();
    REQUIRE(read->size() == std::min<std::size_t>(all, 100));
    for (const Gap& gap : *read) {
      const auto& gaps = model_.lanes[gap.lane].gaps;
      const auto it = gaps.find(gap.first);
      REQUIRE(it != gaps.end());
      REQUIRE(it->second == ModelGap{gap.last, gap.events, gap.reason});
      CHECK(gap.since <= gap.until);
    }
  }

  TempDir dir_;
  FaultVfs vfs_;
  std::mt19937_64 random_;
  std::optional<Outbox> outbox_;
  Model model_;
  Seq seq_ = 0;
  std::map<LaneId, Seq> ends_;
  std::map<LaneId, Seq> given_;
  std::vector<Gap> known_gaps_;
};

int RunSeed(std::uint64_t seed) {
  CAPTURE(seed);
  Run run(seed);
  for (int step = 0; step < kSteps; ++step) {
    CAPTURE(step);
    run.Step();
  }
  return run.failures();
}

TEST_CASE("outbox: holds the rows, sums, gaps and rule records that a naive model holds, whatever is done to it") {
  if (const char* seed = std::getenv("SLUICE_MODEL_SEED")) {
    RunSeed(std::strtoull(seed, nullptr, 10));
    return;
  }
  int failures = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) failures += RunSeed(seed);
  CHECK(failures > 50);
  const std::uint64_t drawn = std::random_device{}();
  MESSAGE("SLUICE_MODEL_SEED=" << drawn);
  RunSeed(drawn);
}

}  // namespace
}  // namespace sluice
