// Hand-written fakes of the ports: virtual time, an outbox in memory, a sink that does as it is told.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gateway/own_event.h"
#include "gateway/ports.h"

namespace sluice {

/// Virtual time: Advance runs the timers that fall due, in order; Settle-like queues run with it.
class FakeClock : public Clock {
 public:
  MonotonicTime Now() const override { return now_; }
  std::unique_ptr<Timer> NewTimer(std::function<void()> on_expiry) override {
    return std::make_unique<FakeTimer>(*this, std::move(on_expiry));
  }

  /// Runs `task` in the next RunTasks: stands for another thread's or the network's answer.
  void Post(std::function<void()> task) { tasks_.push_back(std::move(task)); }
  void RunTasks() {
    while (!tasks_.empty()) {
      auto tasks = std::exchange(tasks_, {});
      for (auto& task : tasks) task();
    }
  }
  void Advance(std::chrono::milliseconds by) {
    const MonotonicTime end = now_ + by;
    RunTasks();
    while (FakeTimer* next = NextDue(end)) {
      now_ = std::max(now_, *next->due_);
      next->due_.reset();
      auto on_expiry = next->on_expiry_;
      on_expiry();
      RunTasks();
    }
    now_ = end;
  }

 private:
  class FakeTimer : public Timer {
   public:
    FakeTimer(FakeClock& clock, std::function<void()> on_expiry) : clock_(clock), on_expiry_(std::move(on_expiry)) {
      clock_.timers_.insert(this);
    }
    ~FakeTimer() override { clock_.timers_.erase(this); }
    void Start(std::chrono::milliseconds delay) override { due_ = clock_.now_ + delay; }
    void Stop() override { due_.reset(); }
    bool IsActive() const override { return due_.has_value(); }

    FakeClock& clock_;
    std::function<void()> on_expiry_;
    std::optional<MonotonicTime> due_;
  };

  FakeTimer* NextDue(MonotonicTime end) {
    FakeTimer* next = nullptr;
    for (FakeTimer* timer : timers_) {
      if (timer->due_ && *timer->due_ <= end && (next == nullptr || *timer->due_ < *next->due_)) next = timer;
    }
    return next;
  }

  MonotonicTime now_{};
  std::set<FakeTimer*> timers_;
  std::vector<std::function<void()>> tasks_;
};

/// A wall clock that stands still until the test moves it.
class FakeWallClock : public WallClock {
 public:
  ClockReading Read() const override { return reading; }
  ClockReading reading{.wall = {}, .boot = {.boot = 1, .since_boot = std::chrono::seconds(100)}, .synchronized = true};
};

/// An outbox in memory. Answers in the clock's next RunTasks.
class FakeStore : public EventStore {
 public:
  explicit FakeStore(FakeClock& clock) : clock_(clock) {}

  void Commit(Batch batch, std::function<void(Result<void>, Batch)> done) override {
    ++commits;
    if (on_commit) on_commit();
    Result<void> result = Apply(batch);
    clock_.Post([result = std::move(result), batch = std::move(batch), done = std::move(done)]() mutable {
      done(std::move(result), std::move(batch));
    });
  }
  void Read(LaneId lane, Seq after, std::size_t max_bytes, std::function<void(Result<LaneRead>)> done) override {
    ++reads;
    LaneRead read;
    std::size_t bytes = 0;
    auto& rows = lanes[lane];
    auto it = rows.upper_bound(after);
    for (; it != rows.end() && bytes < max_bytes; ++it) {
      if (damaged.contains(it->first)) {
        read.damaged.push_back(it->first);
        continue;
      }
      bytes += Footprint(it->second);
      read.rows.push_back(it->second);
    }
    read.end = it == rows.end();
    clock_.Post([read = std::move(read), done = std::move(done)]() mutable { done(std::move(read)); });
  }
  void PurgeRows(LaneId lane, std::function<void(Result<DroppedRows>)> done) override {
    DroppedRows answer = Drop({.lane = lane, .reason = DropReason::kPurged});
    clock_.Post([answer, done = std::move(done)] { done(answer); });
  }
  void ReadLetters(LetterQuery, std::function<void(Result<LetterPage>)> done) override {
    clock_.Post([done = std::move(done)] { done(LetterPage{{}, true}); });
  }
  void PurgeLetters(LaneId, std::vector<Seq>, std::function<void(Result<std::uint64_t>)> done) override {
    clock_.Post([done = std::move(done)] { done(0); });
  }
  void ExpireLetters(WallTime, std::function<void(Result<bool>)> done) override {
    clock_.Post([done = std::move(done)] { done(false); });
  }
  void Counters(std::function<void(Result<StoreCounters>)> done) override {
    clock_.Post([refused = refuse_reads, done = std::move(done)] {
      if (refused) return done(Fail(ErrorCode::kUnavailable, "reads refused"));
      done(StoreCounters{});
    });
  }
  void ReadGaps(std::function<void(Result<std::vector<Gap>>)> done) override {
    clock_.Post([this, refused = refuse_reads, gaps = gaps, done = std::move(done)]() mutable {
      if (on_gaps_read) on_gaps_read();
      if (refused) return done(Fail(ErrorCode::kUnavailable, "reads refused"));
      done(std::move(gaps));
    });
  }
  void Close(std::function<void()> closed) override { clock_.Post(std::move(closed)); }

  std::map<LaneId, std::map<Seq, Row>> lanes;
  std::vector<Gap> gaps;
  std::map<Seq, std::string> dead_letters;
  std::vector<Misfit> misfits;
  std::map<Seq, Row> dead_rows;
  std::vector<Seq> dropped;
  std::vector<Batch> batches;  ///< That were taken, without their rows.
  std::set<Seq> damaged;
  std::vector<SourceCount> sources;
  std::map<std::tuple<RuleRecord::Kind, std::string, std::string>, std::string> rule_records;  ///< Data by kind, rule and key.
  std::optional<ErrorCode> refuse_rows;                                                        ///< Batches with rows fail with this.
  std::optional<ErrorCode> refuse_all;
  bool refuse_reads = false;           ///< Counters and ReadGaps fail with kUnavailable.
  std::function<void()> on_commit;     ///< Runs when a batch comes.
  std::function<void()> on_gaps_read;  ///< Runs before an answer of ReadGaps.
  int refuse_drops = 0;                ///< So many batches with drops fail with kUnavailable.
  std::size_t max_rows = SIZE_MAX;     ///< Batches with rows fail with kFull if there would be more than so many.
  int commits = 0;
  int reads = 0;

 private:
  Result<void> Apply(Batch& batch) {
    if (refuse_all) return Fail(*refuse_all, "refused");
    if (!batch.drops.empty() && refuse_drops > 0) {
      --refuse_drops;
      return Fail(ErrorCode::kUnavailable, "drops refused");
    }
    if (refuse_rows && !(batch.appends.empty() && batch.misfits.empty())) return Fail(*refuse_rows, "rows refused");
    if (!batch.appends.empty() && CountRows(batch) > max_rows) return Fail(ErrorCode::kFull, "too many rows");
    Keep(batch);
    batch.dropped.clear();
    for (const LaneDrop& drop : batch.drops) batch.dropped.push_back(Drop(drop));
    for (const LaneAppend& append : batch.appends) {
      for (const Row& row : append.rows) lanes[append.lane][row.seq] = row;
    }
    misfits.insert(misfits.end(), batch.misfits.begin(), batch.misfits.end());
    for (const DeadLetter& dead : batch.dead_letters) {
      dead_rows[dead.seq] = lanes[dead.lane][dead.seq];
      lanes[dead.lane].erase(dead.seq);
      dead_letters[dead.seq] = dead.reason;
    }
    for (const LaneReplay& replay : batch.replays) {
      for (const Seq seq : replay.seqs) {
        if (replay.from) {
          lanes[replay.lane].merge(Only(lanes[replay.from->lane].extract(seq)));
          continue;
        }
        if (dead_letters.erase(seq) > 0) lanes[replay.lane][seq] = dead_rows.extract(seq).mapped();
      }
    }
    for (const LaneSettle& settle : batch.settles) {
      auto& rows = lanes[settle.lane];
      rows.erase(rows.begin(), rows.upper_bound(settle.through));
    }
    for (const Gap& told : batch.told_gaps) {
      std::erase_if(gaps, [&](const Gap& gap) { return gap.lane == told.lane && gap.first == told.first && gap.last == told.last; });
    }
    sources.insert(sources.end(), batch.sources.begin(), batch.sources.end());
    for (const RuleRecord& record : batch.rule_records) KeepRecord(record);
    return {};
  }

  static std::map<Seq, Row> Only(std::map<Seq, Row>::node_type row) {
    std::map<Seq, Row> rows;
    rows.insert(std::move(row));
    return rows;
  }

  void KeepRecord(const RuleRecord& record) {
    const std::tuple key(record.kind, record.rule, record.key);
    if (record.data.empty()) {
      rule_records.erase(key);
    } else {
      rule_records[key] = record.data;
    }
  }

  void Keep(const Batch& batch) {
    Batch& kept = batches.emplace_back(batch);
    for (LaneAppend& append : kept.appends) append.rows.clear();
  }

  std::size_t CountRows(const Batch& batch) const {
    std::size_t rows = 0;
    for (const auto& [lane, kept] : lanes) rows += kept.size();
    for (const LaneAppend& append : batch.appends) rows += append.rows.size();
    return rows;
  }

  DroppedRows Drop(const LaneDrop& drop) {
    DroppedRows answer{.lane = drop.lane, .reason = drop.reason};
    auto& rows = lanes[drop.lane];
    auto it = rows.upper_bound(drop.after);
    const bool at_quota = drop.reason == DropReason::kQuota;
    for (std::size_t looked = 0; it != rows.end() && it->first <= drop.through && (at_quota || looked < kDropRows); ++looked) {
      const Row& row = it->second;
      if (at_quota && answer.bytes >= drop.bytes) break;
      const bool expired = drop.reason == DropReason::kPurged || (row.deadline && *row.deadline < drop.now);
      if (at_quota ? row.event.topic == kGapsTopic : !expired) {
        ++it;
        continue;
      }
      ++answer.events;
      answer.bytes += Footprint(row);
      dropped.push_back(row.seq);
      NoteGap(drop, row);
      it = rows.erase(it);
    }
    return answer;
  }

  void NoteGap(const LaneDrop& drop, const Row& row) {
    for (Gap& gap : gaps) {
      if (gap.lane != drop.lane || gap.reason != drop.reason || gap.last != row.previous) continue;
      gap.last = row.seq;
      ++gap.events;
      return;
    }
    gaps.push_back({.lane = drop.lane, .first = row.seq, .last = row.seq, .events = 1, .reason = drop.reason, .since = {}, .until = {}});
  }

  FakeClock& clock_;
};

/// A sink that keeps what it is sent until the test says what becomes of it.
class FakeSink : public Sink {
 public:
  explicit FakeSink(FakeClock& clock) : clock_(clock) {}

  void Open(SinkListener& listener) override { listener_ = &listener; }
  void Send(const Row& row) override {
    sent.push_back(row.seq);
    rows.push_back(row);
    in_flight.push_back(row.seq);
    max_in_flight = std::max(max_in_flight, in_flight.size());
  }
  void Flush() override {}
  void Reset(std::function<void()> ready) override {
    ++resets;
    in_flight.clear();
    clock_.Post(std::move(ready));
  }
  void Close(std::function<void()> closed) override {
    is_closed = true;
    clock_.Post(std::move(closed));
  }

  void Tell(Seq seq, Verdict verdict) {
    std::erase(in_flight, seq);
    listener_->OnVerdict(seq, verdict, verdict == Verdict::kDelivered ? "" : "told to");
    if (verdict == Verdict::kDelivered) delivered.push_back(seq);
  }
  void TellDone() { listener_->OnVerdictsDone(); }
  void TellTrouble() { listener_->OnTrouble("away"); }
  /// Everything in flight, one group.
  void TellAll(Verdict verdict) {
    for (Seq seq : std::vector<Seq>(in_flight)) Tell(seq, verdict);
    TellDone();
  }

  std::vector<Seq> sent;
  std::vector<Row> rows;  ///< As sent.
  std::vector<Seq> in_flight;
  std::vector<Seq> delivered;
  std::size_t max_in_flight = 0;
  int resets = 0;
  bool is_closed = false;

 private:
  FakeClock& clock_;
  SinkListener* listener_ = nullptr;
};

}  // namespace sluice
