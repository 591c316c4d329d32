#include "gateway/committer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "gateway/failpoint.h"
#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kSettleDelay{1'000};
constexpr std::uint64_t kSettleRows = 5'000;
constexpr std::chrono::milliseconds kRetryDelay{500};

bool HasSettling(const Batch& batch) {
  return !batch.settles.empty() || !batch.dead_letters.empty();
}

void MoveSettling(Batch& from, Batch& to) {
  std::move(from.settles.begin(), from.settles.end(), std::back_inserter(to.settles));
  std::move(from.dead_letters.begin(), from.dead_letters.end(), std::back_inserter(to.dead_letters));
  from.settles.clear();
  from.dead_letters.clear();
}

// A header takes the place of the publisher's properties of its name.
void SetHeaders(std::vector<Property> headers, std::vector<Property>& properties) {
  for (Property& header : headers) {
    std::erase_if(properties, [&](const Property& property) { return property.name == header.name; });
    properties.push_back(std::move(header));
  }
}

SourceCount& CountOf(Batch& batch, const std::string& source) {
  auto it = std::find_if(batch.sources.begin(), batch.sources.end(), [&](const SourceCount& c) { return c.source == source; });
  if (it != batch.sources.end()) return *it;
  SourceCount& count = batch.sources.emplace_back();
  count.source = source;
  return count;
}

}  // namespace

Committer::Committer(std::chrono::milliseconds commit_every, Seq last_seq, const Router& router, Destinations& destinations, Inbox& inbox,
                     EventStore& store, Clock& clock, Hooks hooks)
    : commit_every_(commit_every),
      router_(router),
      destinations_(destinations),
      inbox_(inbox),
      store_(store),
      hooks_(std::move(hooks)),
      last_seq_(last_seq),
      commit_timer_(clock.NewTimer([this] {
        events_due_ = true;
        CommitIfDue();
      })),
      settle_timer_(clock.NewTimer([this] {
        settle_due_ = true;
        CommitIfDue();
      })),
      retry_timer_(clock.NewTimer([this] { CommitIfDue(); })) {}

void Committer::OnInbox() {
  Failpoint("after_receive");
  CommitIfDue();
}

void Committer::OnSettled() {
  std::uint64_t rows = 0;
  for (const LaneSlot& lane : lanes_) rows += lane.forwarder->SettleBacklog();
  if (rows >= kSettleRows) settle_due_ = true;
  if (!settle_due_ && !settle_timer_->IsActive()) settle_timer_->Start(kSettleDelay);
  CommitIfDue();
}

void Committer::CommitIfDue() {
  if (in_flight_ || retry_timer_->IsActive()) return;
  const bool waiting = !inbox_.IsEmpty() && !blocked_;
  const bool now = commit_every_.count() == 0 || flushed_ || inbox_.IsCutDue() || events_due_;
  if (blocked_ || settle_due_ || (waiting && now) || !replays_.empty() || flushed_) return Commit();
  if (waiting && !commit_timer_->IsActive()) commit_timer_->Start(commit_every_);
}

void Committer::Commit() {
  Transaction next;
  TakeSettled(next.batch);
  // On a full disk rows wait until settling, alone, has gone through.
  const bool settle_first = blocked_ && failing_ == ErrorCode::kFull && HasSettling(next.batch);
  if (!settle_first) {
    Batch settling = std::move(next.batch);
    next = blocked_ ? std::move(*blocked_) : Gather();
    blocked_.reset();
    MoveSettling(settling, next.batch);
  }
  TakeReplay(next.batch);
  if (next.outcomes.empty() && !HasSettling(next.batch) && next.batch.replays.empty()) return FinishFlush();
  next.batch.last_seq = last_seq_;
  in_flight_ = true;
  store_.Commit(std::move(next.batch), [this, outcomes = std::move(next.outcomes)](const Result<void>& result, Batch batch) mutable {
    OnCommitted(result, {std::move(batch), std::move(outcomes)});
  });
}

void Committer::TakeSettled(Batch& batch) {
  settle_due_ = false;
  settle_timer_->Stop();
  MoveSettling(unsettled_, batch);
  for (const LaneSlot& lane : lanes_) lane.forwarder->TakeSettled(batch);
}

void Committer::TakeReplay(Batch& batch) {
  if (replays_.empty()) return;
  const LaneReplay& next = replays_.front().replay;
  const auto& settles = batch.settles;
  const bool settling = std::any_of(settles.begin(), settles.end(), [&](const LaneSettle& settle) { return settle.lane == next.lane; });
  if (!settling) batch.replays.push_back(next);
}

// What is to be told when the rest is done; null if there is nothing to tell yet. What became of a replay is not always known; as it can be
// done again, it is, until that is known.
std::function<void()> Committer::EndReplay(const Result<void>& result, Batch& batch) {
  const bool tried = !std::exchange(batch.replays, {}).empty();
  if (!tried || (!result && result.error().code != ErrorCode::kFull)) return nullptr;
  WaitingReplay ended = std::move(replays_.front());
  replays_.pop_front();
  if (result) ForwarderOf(ended.replay.lane)->OnReplayed(ended.replay.seqs);
  return [result, done = std::move(ended.done)] { done(result); };
}

Forwarder* Committer::ForwarderOf(LaneId lane) const {
  auto it = std::find_if(lanes_.begin(), lanes_.end(), [&](const LaneSlot& slot) { return slot.id == lane; });
  return it == lanes_.end() ? nullptr : it->forwarder;
}

bool Committer::Hold(LaneId lane) {
  Forwarder* forwarder = ForwarderOf(lane);
  return forwarder != nullptr && forwarder->Hold();
}

void Committer::Release(LaneId lane) {
  ForwarderOf(lane)->Release();
}

void Committer::Replay(LaneReplay replay, std::function<void(Result<void>)> done) {
  replays_.push_back({std::move(replay), std::move(done)});
  CommitIfDue();
}

Committer::Transaction Committer::Gather() {
  events_due_ = false;
  commit_timer_->Stop();
  Transaction transaction;
  if (inbox_.IsEmpty()) return transaction;
  hooks_.on_cut();
  std::vector<Handed> taken = inbox_.Take();
  transaction.batch.appends.resize(lanes_.size());
  for (std::size_t i = 0; i < lanes_.size(); ++i) transaction.batch.appends[i].lane = lanes_[i].id;
  for (Handed& handed : taken) Add(transaction, std::move(handed));
  for (const SourceCount& count : transaction.batch.sources) {
    if (count.too_large == 0) continue;
    Log(LogLevel::kWarning, "gateway", "messages larger than max_payload refused",
        {{"source", count.source}, {"messages", std::to_string(count.too_large)}});
  }
  if (const std::vector<Misfit>& misfits = transaction.batch.misfits; !misfits.empty()) {
    Log(LogLevel::kWarning, "gateway", "events set aside: they cannot go where their routes send them",
        {{"events", std::to_string(misfits.size())}, {"topic", misfits[0].row.event.topic}, {"reason", misfits[0].reason}});
  }
  std::erase_if(transaction.batch.appends, [](const LaneAppend& append) { return append.rows.empty(); });
  return transaction;
}

void Committer::Add(Transaction& transaction, Handed handed) {
  std::vector<Outcome>& outcomes = transaction.outcomes;
  if (outcomes.empty() || outcomes.back().connection != handed.connection) outcomes.push_back({handed.connection, 0, 0});
  ++outcomes.back().events;
  outcomes.back().bytes += handed.bytes;

  SourceCount& count = CountOf(transaction.batch, *handed.source);
  ++count.received;
  if (handed.event.qos == 0) ++count.unprotected;
  if (handed.event.duplicate) ++count.redelivered;
  if (handed.event.refusal != Refusal::kNone) {
    ++(handed.event.refusal == Refusal::kTooLarge ? count.too_large : count.retained);
    return;
  }
  routed_.clear();
  router_.Route(handed.event, *handed.source, routed_);
  ++(routed_.empty() ? count.unrouted : count.routed);
  if (!routed_.empty()) AddRows(transaction.batch, std::move(handed));
}

void Committer::AddRows(Batch& batch, Handed handed) {
  ++last_seq_;
  for (std::size_t i = 0; i < routed_.size(); ++i) {
    const bool last = i + 1 == routed_.size();
    Routed& routed = routed_[i];
    CheckDestination(routed);
    Row& row = AddRow(batch, routed);
    row.seq = last_seq_;
    row.source = *handed.source;
    row.destination = std::move(routed.destination);
    row.key = std::move(routed.key);
    row.retain = routed.retain;
    row.bare = routed.bare;
    row.event = last ? std::move(handed.event) : handed.event;
    SetHeaders(std::move(routed.headers), row.event.properties);
  }
}

void Committer::CheckDestination(Routed& routed) {
  if (!routed.is_templated || !routed.misfit.empty() || destinations_.Admit(routed.sink, routed.destination)) return;
  routed.misfit = "too many destinations: max_destinations of the sink is reached";
}

Row& Committer::AddRow(Batch& batch, Routed& routed) {
  LaneSlot& lane = lanes_[routed.sink];
  if (!routed.misfit.empty()) return batch.misfits.emplace_back(Misfit{lane.id, {}, std::move(routed.misfit)}).row;
  Row& row = batch.appends[routed.sink].rows.emplace_back();
  row.previous = std::exchange(lane.last_seq, last_seq_);
  return row;
}

void Committer::OnCommitted(const Result<void>& result, Transaction transaction) {
  in_flight_ = false;
  const std::function<void()> replay_ended = EndReplay(result, transaction.batch);
  if (result) {
    OnDurable(std::move(transaction));
    CommitIfDue();
  } else {
    OnFailed(result.error(), std::move(transaction));
  }
  if (replay_ended) replay_ended();
}

void Committer::OnDurable(Transaction transaction) {
  settled_alone_ = false;
  if (failing_ && !blocked_) {
    failing_.reset();
    Log(LogLevel::kInfo, "outbox", "writing again");
  }
  for (const Outcome& outcome : transaction.outcomes) inbox_.MarkDone(outcome.connection, outcome.events, outcome.bytes);
  if (!transaction.outcomes.empty()) hooks_.on_durable();
  for (LaneAppend& append : transaction.batch.appends) {
    ForwarderOf(append.lane)->OnCommitted(std::move(append.rows));
  }
}

void Committer::OnFailed(const Error& error, Transaction transaction) {
  MoveSettling(transaction.batch, unsettled_);
  if (!transaction.outcomes.empty()) blocked_ = std::move(transaction);
  if (failing_ != error.code) {
    Log(LogLevel::kError, "outbox", "cannot write: acknowledgements are held until it can", {{"reason", error.message}});
  }
  failing_ = error.code;
  if (flushed_) return FinishFlush();
  // Room made by settling is worth a try at once; a first refusal of rows lets the settling go alone.
  if (error.code == ErrorCode::kFull && blocked_ && HasSettling(unsettled_) && !settled_alone_) {
    settled_alone_ = true;
    return Commit();
  }
  settled_alone_ = false;
  retry_timer_->Start(kRetryDelay);
}

void Committer::Flush(std::function<void(bool)> flushed) {
  flushed_ = std::move(flushed);
  retry_timer_->Stop();
  CommitIfDue();
}

void Committer::FinishFlush() {
  if (!flushed_) return;
  auto flushed = std::exchange(flushed_, nullptr);
  flushed(!blocked_ && !HasSettling(unsettled_));
}

}  // namespace sluice
