// The store thread: the outbox behind the EventStore port. It alone touches the database; commits go before reads, and when there are
// neither, free pages go back to the file system.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/ports.h"
#include "store/outbox.h"

namespace sluice {

class Store : public EventStore {
 public:
  /// Runs a function on the loop thread, in the order of the calls; any thread.
  using Post = std::function<void(std::function<void()>)>;

  /// Errors as Outbox::Open. Blocks on the disk.
  static Result<std::unique_ptr<Store>> Open(Outbox::Options options, Post post);
  /// Ends the thread after the tasks given so far.
  ~Store() override;

  void Commit(Batch batch, std::function<void(Result<void>, Batch)> done) override;
  void Read(LaneId lane, Seq after, std::size_t max_bytes, std::function<void(Result<LaneRead>)> done) override;
  void PurgeRows(LaneId lane, std::function<void(Result<DroppedRows>)> done) override;
  void ReadLetters(LetterQuery query, std::function<void(Result<LetterPage>)> done) override;
  void PurgeLetters(LaneId lane, std::vector<Seq> seqs, std::function<void(Result<std::uint64_t>)> done) override;
  void ExpireLetters(WallTime now, std::function<void(Result<bool>)> done) override;
  void Counters(std::function<void(Result<StoreCounters>)> done) override;
  void ReadGaps(std::function<void(Result<std::vector<Gap>>)> done) override;
  void Close(std::function<void()> closed) override;
  /// As Outbox::Reopen, after the tasks given so far; what is told below is then as the file was when it was opened anew.
  void Reopen(OutboxConfig config, std::vector<LaneName> lanes, std::function<void(Result<void>)> done);

  /// Calls that wait for their answers, and how many were answered.
  std::uint64_t asked() const { return asked_; }
  std::uint64_t answered() const { return answered_; }

  /// As the file was when it was opened.
  const std::string& outbox_id() const { return facts_.outbox_id; }
  Seq last_seq() const { return facts_.last_seq; }
  const ClockKept& clock() const { return facts_.clock; }
  const std::vector<LaneState>& lanes() const { return facts_.lanes; }
  const std::string& set_aside() const { return facts_.set_aside; }
  bool was_closed() const { return facts_.was_closed; }
  /// To be taken once.
  std::vector<RuleRecord> TakeRuleRecords() { return std::exchange(facts_.rule_records.records, {}); }
  /// Those among them that were not what was written, and are left out.
  std::uint64_t damaged_rule_records() const { return facts_.rule_records.damaged; }

 private:
  /// What an outbox is like when it has been opened.
  struct Facts {
    std::string outbox_id;
    Seq last_seq = 0;
    ClockKept clock;
    std::vector<LaneState> lanes;
    std::string set_aside;
    bool was_closed = false;
    RuleRecordRead rule_records;
  };
  static Result<Facts> ReadFacts(Outbox& outbox);

  Store(Outbox outbox, Facts facts, Post post);
  void Work();
  void Add(std::deque<std::function<void()>>& queue, std::function<void()> task);
  /// `answer` on the loop thread. Store thread.
  void Answer(std::function<void()> answer);
  /// Behind the commits: `ask` on the store thread, `done` with its answer on the loop.
  template <typename T>
  void Ask(std::function<T()> ask, std::function<void(T)> done);

  Outbox outbox_;
  const Post post_;
  // Of the loop thread:
  Facts facts_;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<std::function<void()>> commits_;
  std::deque<std::function<void()>> reads_;
  bool stopping_ = false;

  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace sluice
