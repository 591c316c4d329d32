#include "store/store.h"

#include <chrono>
#include <utility>

namespace sluice {
namespace {

// Without a task for so long, there is time for housekeeping. Under steady traffic a transaction comes every `commit_every`.
constexpr std::chrono::milliseconds kIdle{30};

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(Outbox::Options options, Post post) {
  Result<Outbox> outbox = Outbox::Open(std::move(options));
  if (!outbox) return tl::unexpected<Error>(outbox.error());
  Result<Facts> facts = ReadFacts(*outbox);
  if (!facts) return tl::unexpected<Error>(facts.error());
  return std::unique_ptr<Store>(new Store(std::move(*outbox), std::move(*facts), std::move(post)));
}

Result<Store::Facts> Store::ReadFacts(Outbox& outbox) {
  Result<RuleRecordRead> rule_records = outbox.ReadRuleRecords();
  if (!rule_records) return tl::unexpected<Error>(rule_records.error());
  return Facts{outbox.id(),        outbox.last_seq(),   outbox.clock(),          outbox.lanes(),
               outbox.set_aside(), outbox.was_closed(), std::move(*rule_records)};
}

Store::Store(Outbox outbox, Facts facts, Post post)
    : outbox_(std::move(outbox)), post_(std::move(post)), facts_(std::move(facts)), thread_([this] { Work(); }) {}

Store::~Store() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Store::Add(std::deque<std::function<void()>>& queue, std::function<void()> task) {
  ++asked_;
  {
    std::lock_guard lock(mutex_);
    queue.push_back(std::move(task));
  }
  changed_.notify_one();
}

void Store::Answer(std::function<void()> answer) {
  post_([this, answer = std::move(answer)]() mutable {
    ++answered_;
    answer();
  });
}

void Store::Commit(Batch batch, std::function<void(Result<void>, Batch)> done) {
  Add(commits_, [this, batch = std::move(batch), done = std::move(done)]() mutable {
    Result<void> result = outbox_.Commit(batch);
    Answer([result = std::move(result), batch = std::move(batch), done = std::move(done)]() mutable {
      done(std::move(result), std::move(batch));
    });
    outbox_.CheckpointIfDue();
  });
}

void Store::Read(LaneId lane, Seq after, std::size_t max_bytes, std::function<void(Result<LaneRead>)> done) {
  Ask<Result<LaneRead>>([this, lane, after, max_bytes] { return outbox_.Read(lane, after, max_bytes); }, std::move(done));
}

void Store::PurgeRows(LaneId lane, std::function<void(Result<DroppedRows>)> done) {
  Ask<Result<DroppedRows>>([this, lane] { return outbox_.PurgeRows(lane); }, std::move(done));
}

void Store::ReadLetters(LetterQuery query, std::function<void(Result<LetterPage>)> done) {
  Ask<Result<LetterPage>>([this, query] { return outbox_.ReadLetters(query); }, std::move(done));
}

void Store::PurgeLetters(LaneId lane, std::vector<Seq> seqs, std::function<void(Result<std::uint64_t>)> done) {
  Ask<Result<std::uint64_t>>([this, lane, seqs = std::move(seqs)] { return outbox_.PurgeLetters(lane, seqs); }, std::move(done));
}

void Store::ExpireLetters(WallTime now, std::function<void(Result<bool>)> done) {
  Ask<Result<bool>>([this, now] { return outbox_.ExpireLetters(now); }, std::move(done));
}

void Store::Counters(std::function<void(Result<StoreCounters>)> done) {
  Ask<Result<StoreCounters>>([this] { return outbox_.Account(); }, std::move(done));
}

template <typename T>
void Store::Ask(std::function<T()> ask, std::function<void(T)> done) {
  Add(reads_, [this, ask = std::move(ask), done = std::move(done)]() mutable {
    Answer([answer = ask(), done = std::move(done)]() mutable { done(std::move(answer)); });
  });
}

void Store::ReadGaps(std::function<void(Result<std::vector<Gap>>)> done) {
  Ask<Result<std::vector<Gap>>>([this] { return outbox_.ReadGaps(); }, std::move(done));
}

void Store::Close(std::function<void()> closed) {
  Add(reads_, [this, closed = std::move(closed)]() mutable {
    outbox_.Close();
    Answer(std::move(closed));
  });
}

void Store::Reopen(OutboxConfig config, std::vector<LaneName> lanes, std::function<void(Result<void>)> done) {
  const auto reopen = [this, config = std::move(config), lanes = std::move(lanes)]() -> Result<Facts> {
    if (Result<void> opened = outbox_.Reopen(config, lanes); !opened) return tl::unexpected<Error>(opened.error());
    return ReadFacts(outbox_);
  };
  Ask<Result<Facts>>(reopen, [this, done = std::move(done)](Result<Facts> facts) {
    if (facts) facts_ = std::move(*facts);
    done(facts ? Result<void>() : tl::unexpected<Error>(facts.error()));
  });
}

void Store::Work() {
  std::unique_lock lock(mutex_);
  const auto has_work = [this] { return stopping_ || !commits_.empty() || !reads_.empty(); };
  for (;;) {
    if (!changed_.wait_for(lock, kIdle, has_work)) {
      lock.unlock();
      const bool more = outbox_.GiveBack();
      lock.lock();
      if (!more) changed_.wait(lock, has_work);
      continue;
    }
    auto& queue = commits_.empty() ? reads_ : commits_;
    if (queue.empty()) return;
    auto task = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace sluice
