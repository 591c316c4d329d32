#include "gateway/committer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "gateway/failpoint.h"
#include "gateway/log.h"
#include "gateway/own_event.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kSettleDelay{1'000};
// So few that an urgent event can wait for them to be settled.
constexpr std::uint64_t kSettleRows = 1'000;
// Settled in any transaction; more than that is left out of urgent ones.
constexpr std::uint64_t kSettleAlong = 100;
constexpr std::chrono::milliseconds kRetryDelay{500};
constexpr std::chrono::milliseconds kLookAhead{5};
constexpr int kMaxDoublings = 6;
constexpr std::size_t kBehind = 4;  // A sink is behind if it has at least this part of what the one furthest behind has.

bool HasSettling(const Batch& batch) {
  return !batch.settles.empty() || !batch.dead_letters.empty() || !batch.drops.empty();
}

void MoveSettling(Batch& from, Batch& to) {
  std::move(from.settles.begin(), from.settles.end(), std::back_inserter(to.settles));
  std::move(from.dead_letters.begin(), from.dead_letters.end(), std::back_inserter(to.dead_letters));
  std::move(from.drops.begin(), from.drops.end(), std::back_inserter(to.drops));
  from.settles.clear();
  from.dead_letters.clear();
  from.drops.clear();
}

// A header takes the place of the publisher's properties of its name.
void SetHeaders(std::vector<Property> headers, std::vector<Property>& properties) {
  for (Property& header : headers) {
    std::erase_if(properties, [&](const Property& property) { return property.name == header.name; });
    properties.push_back(std::move(header));
  }
}

// What the clocks said when it came, if it came before `now`.
ClockReading MomentOf(const Event& event, ClockReading now) {
  const auto ago = std::max(now.boot.since_boot - event.since_boot, std::chrono::nanoseconds(0));
  now.boot.since_boot -= ago;
  now.wall -= ago;
  return now;
}

Result<void> Stopped() {
  return Fail(ErrorCode::kUnavailable, "the gateway stops");
}

SourceCount& CountOf(Batch& batch, const std::string& source) {
  auto it = std::find_if(batch.sources.begin(), batch.sources.end(), [&](const SourceCount& c) { return c.source == source; });
  if (it != batch.sources.end()) return *it;
  SourceCount& count = batch.sources.emplace_back();
  count.source = source;
  return count;
}

}  // namespace

Committer::Committer(const Options& options, const Surroundings& surroundings, Hooks hooks)
    : options_(options),
      surroundings_(surroundings),
      hooks_(std::move(hooks)),
      last_seq_(options.last_seq),
      commit_timer_(surroundings.clock.NewTimer([this] {
        events_due_ = true;
        CommitIfDue();
      })),
      settle_timer_(surroundings.clock.NewTimer([this] {
        settle_due_ = true;
        CommitIfDue();
      })),
      retry_timer_(surroundings.clock.NewTimer([this] { CommitIfDue(); })),
      look_timer_(surroundings.clock.NewTimer([this] { LookAhead(); })),
      rules_timer_(surroundings.clock.NewTimer([this] {
        rules_due_ = true;
        CommitIfDue();
      })) {}

void Committer::StartRules() {
  if (surroundings_.alert_desk == nullptr) return;
  rules_due_ = true;
  CommitIfDue();
}

void Committer::OnInbox() {
  Failpoint("after_receive");
  CommitIfDue();
}

void Committer::Publish(Event event, std::vector<Gap> gaps) {
  if (surroundings_.router.IsUrgent(event.topic)) events_due_ = true;
  gaps_under_way_ += gaps.size();
  own_.push_back({std::move(event), std::move(gaps)});
  CommitIfDue();
}

void Committer::OnSettled() {
  for (const LaneSlot& lane : lanes_) {
    if (lane.forwarder->IsExpiringCrowd()) settle_due_ = true;
  }
  if (SettleBacklog() >= kSettleRows) settle_due_ = true;
  if (!settle_due_ && !settle_timer_->IsActive()) settle_timer_->Start(kSettleDelay);
  CommitIfDue();
}

std::uint64_t Committer::SettleBacklog() const {
  std::uint64_t rows = 0;
  for (const LaneSlot& lane : lanes_) rows += lane.forwarder->SettleBacklog();
  return rows;
}

// Urgent events do not wait until a part of a backlog is settled, but every other transaction settles. A replay asks for all of it.
bool Committer::LeaveSettling() {
  const bool urgent = surroundings_.inbox.HasUrgent() && replays_.empty() && SettleBacklog() >= kSettleAlong;
  settling_was_left_ = urgent && !settling_was_left_;
  return settling_was_left_;
}

void Committer::CommitIfDue() {
  if (in_flight_ || stopped_ || retry_timer_->IsActive()) return;
  const Inbox& inbox = surroundings_.inbox;
  const bool waiting = (!inbox.IsEmpty() || !own_.empty() || gathered_events_ > 0) && !blocked_;
  const bool now = options_.commit_every.count() == 0 || flushed_ || inbox.IsCutDue(gathered_events_, gathered_bytes_) || events_due_;
  const bool rules_wait = rules_due_ && !blocked_;
  if (blocked_ || settle_due_ || (waiting && now) || rules_wait || !replays_.empty() || flushed_) return Commit();
  if (waiting && !commit_timer_->IsActive()) commit_timer_->Start(options_.commit_every);
  if (MayLookAhead() && !inbox.IsEmpty() && !look_timer_->IsActive()) look_timer_->Start(kLookAhead);
}

// An alert does not wait for commit_every, so its event must not wait for the rules as long.
bool Committer::MayLookAhead() const {
  return surroundings_.alert_desk != nullptr && !in_flight_ && !stopped_ && !blocked_ && options_.commit_every > kLookAhead;
}

void Committer::LookAhead() {
  if (!MayLookAhead()) return;
  ReadClocks();
  TakeIn();
  CommitIfDue();
}

void Committer::ReadClocks() {
  reading_ = surroundings_.wall_clock.Read();
  running_ = surroundings_.running_clock.Advance(reading_);
}

void Committer::Commit() {
  ReadClocks();
  Transaction next = MakeRoom();
  if (!HasSettling(next.batch)) {
    Batch settling;
    if (!LeaveSettling()) TakeSettled(settling);
    next = blocked_ ? std::move(*blocked_) : Gather();
    blocked_.reset();
    MoveSettling(settling, next.batch);
  }
  TakeReplay(next.batch);
  if (next.IsEmpty() && !HasSettling(next.batch) && next.batch.replays.empty()) return FinishFlush();
  next.batch.last_seq = last_seq_;
  next.batch.clock.running = running_;
  next.batch.clock.reading = reading_;
  if (surroundings_.alert_desk != nullptr) surroundings_.alert_desk->Keep(reading_, next.batch.clock);
  in_flight_ = true;
  ++transactions_;
  surroundings_.store.Commit(std::move(next.batch), [this, outcomes = std::move(next.outcomes), received = std::move(next.received),
                                                     is_checkpoint = next.is_checkpoint](const Result<void>& result, Batch batch) mutable {
    OnCommitted(result, {std::move(batch), std::move(outcomes), std::move(received), is_checkpoint});
  });
}

// When rows were refused: what is settled, or too old, without them, since it may be their room; if room was all they wanted, and that was
// not enough, what is given up. Nothing if it was tried just now.
Committer::Transaction Committer::MakeRoom() {
  Transaction transaction;
  if (!blocked_ || std::exchange(room_was_made_, false)) return transaction;
  TakeSettled(transaction.batch);
  const bool expires = std::any_of(transaction.batch.drops.begin(), transaction.batch.drops.end(), std::mem_fn(&LaneDrop::IsOpen));
  if (failing_ == ErrorCode::kFull && !expires && (refusals_ > 1 || !HasSettling(transaction.batch))) PlanDrop(transaction.batch);
  return transaction;
}

// One lane at a time: how much a drop frees is known only afterwards, and a higher class must not pay for rows that have room by then. More
// each time, as long as it is not enough.
void Committer::PlanDrop(Batch& batch) {
  LaneSlot* victim = NextVictim();
  if (victim == nullptr) return;
  const Bytes bytes = options_.drop_bytes << std::clamp(refusals_ - 1, 0, kMaxDoublings);
  batch.drops.push_back(victim->forwarder->BeginDrop(std::max(bytes, 2 * Footprint(blocked_->batch))));
}

// What a sink that keeps up has waiting, if only since the last restart, is little against the backlog of one that does not.
LaneSlot* Committer::NextVictim() {
  std::size_t most = 0;
  for (const LaneSlot& lane : lanes_) most = std::max(most, lane.sink ? DroppableBytes(lane.sink) : 0);
  LaneSlot* victim = nullptr;
  for (LaneSlot& lane : lanes_) {
    const std::size_t bytes = lane.forwarder->DroppableBytes();
    if (bytes == 0 || (lane.sink && DroppableBytes(lane.sink) < most / kBehind)) continue;
    const bool better = victim == nullptr || lane.lane_class > victim->lane_class ||
                        (lane.lane_class == victim->lane_class && bytes > victim->forwarder->DroppableBytes());
    if (better) victim = &lane;
  }
  return victim;
}

std::size_t Committer::DroppableBytes(std::optional<std::size_t> sink) const {
  std::size_t bytes = 0;
  for (const LaneSlot& lane : lanes_) bytes += lane.sink == sink ? lane.forwarder->DroppableBytes() : 0;
  return bytes;
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
  if (result) FindLane(ended.replay.lane)->forwarder->OnReplayed(ended.replay);
  return [result, done = std::move(ended.done)] { done(result); };
}

const LaneSlot* Committer::FindLane(LaneId id) const {
  auto it = std::find_if(lanes_.begin(), lanes_.end(), [&](const LaneSlot& slot) { return slot.id == id; });
  return it == lanes_.end() ? nullptr : &*it;
}

bool Committer::Hold(LaneId lane) {
  const LaneSlot* slot = FindLane(lane);
  return slot != nullptr && slot->forwarder->Hold();
}

void Committer::Release(LaneId lane) {
  FindLane(lane)->forwarder->Release();
}

void Committer::Replay(LaneReplay replay, std::function<void(Result<void>)> done) {
  if (stopped_) return done(Stopped());
  replays_.push_back({std::move(replay), std::move(done)});
  CommitIfDue();
}

Committer::Transaction Committer::Gather() {
  AlertDesk* const desk = surroundings_.alert_desk;
  const bool waits = !surroundings_.inbox.IsEmpty() || !own_.empty() || gathered_events_ > 0;
  // The last one comes behind all events.
  if (desk != nullptr && desk->IsCheckpointDue(reading_) && !(flushed_ && waits)) {
    Transaction checkpoint = TakeCheckpoint();
    if (!checkpoint.IsEmpty()) return checkpoint;
  }
  events_due_ = false;
  commit_timer_->Stop();
  look_timer_->Stop();
  if (waits) hooks_.on_cut();
  TakeIn();
  AddOwn(gathering_.batch);
  if (desk != nullptr) {
    desk->Advance(surroundings_.inbox.HasRest() ? taken_until_ : reading_);
    AddAlerts(gathering_.batch);
    desk->TakeRecords(gathering_.batch.rule_records);
    events_due_ = false;
    ScheduleRules();
  }
  Transaction transaction = std::exchange(gathering_, {});
  gathered_events_ = gathered_bytes_ = 0;
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
  transaction.batch.reserved = MayUseReserve(transaction);
  return transaction;
}

// Events as they were taken in, for the rules to look at them before they are cut.
void Committer::TakeIn() {
  if (surroundings_.inbox.IsEmpty() || gathered_bytes_ >= options_.batch_bytes) return;
  for (Handed& handed : surroundings_.inbox.Take(options_.batch_bytes - gathered_bytes_)) {
    ++gathered_events_;
    gathered_bytes_ += handed.bytes;
    taken_until_ = MomentOf(handed.event, reading_);
    Add(gathering_, std::move(handed));
  }
}

Committer::Transaction Committer::TakeCheckpoint() {
  Transaction transaction;
  transaction.is_checkpoint = true;
  transaction.batch.rule_records = surroundings_.alert_desk->TakeCheckpoint(reading_);
  return transaction;
}

void Committer::ScheduleRules() {
  rules_due_ = false;
  const std::optional<std::chrono::milliseconds> wake = surroundings_.alert_desk->UntilWake(reading_);
  if (wake) rules_timer_->Start(*wake);
}

void Committer::AddAlerts(Batch& batch) {
  if (!surroundings_.alert_desk->HasAlerts()) return;
  for (AlertEvent& alert : surroundings_.alert_desk->TakeAlerts()) {
    Count(batch, kOwnSource, MakeOwnEvent(alert.topic, std::move(alert.payload), reading_));
  }
  events_due_ = true;
}

// The gateway's own events, and those of classes that are kept.
bool Committer::MayUseReserve(const Transaction& transaction) {
  const Batch& batch = transaction.batch;
  if (transaction.outcomes.empty()) return true;
  return batch.misfits.empty() && std::all_of(batch.appends.begin(), batch.appends.end(),
                                              [&](const LaneAppend& append) { return FindLane(append.lane)->on_full == OnFull::kKeep; });
}

void Committer::AddOwn(Batch& batch) {
  for (Own& own : std::exchange(own_, {})) {
    Count(batch, kOwnSource, std::move(own.event));
    std::move(own.gaps.begin(), own.gaps.end(), std::back_inserter(batch.told_gaps));
  }
}

void Committer::Add(Transaction& transaction, Handed handed) {
  std::vector<Outcome>& outcomes = transaction.outcomes;
  if (outcomes.empty() || outcomes.back().connection != handed.connection) outcomes.push_back({handed.connection, 0, 0});
  ++outcomes.back().events;
  outcomes.back().bytes += handed.bytes;
  if (handed.event.qos > 0) transaction.received.push_back(handed.event.since_boot);
  Count(transaction.batch, *handed.source, std::move(handed.event));
}

void Committer::Count(Batch& batch, const std::string& source, Event event) {
  SourceCount& count = CountOf(batch, source);
  ++count.received;
  if (event.qos == 0) ++count.unprotected;
  if (event.qos == 2) ++count.qos2;
  if (event.duplicate) ++count.redelivered;
  switch (event.refusal) {
    case Refusal::kNone:
      break;
    case Refusal::kTooLarge:
      ++count.too_large;
      return;
    case Refusal::kRetained:
      ++count.retained;
      return;
    case Refusal::kReserved:
      ++count.reserved;
      return;
    case Refusal::kDuplicate:
      ++count.duplicate;
      return;
  }
  routed_.clear();
  surroundings_.router.Route(event, source, routed_);
  const bool is_routed = !routed_.empty();
  ++(is_routed ? count.routed : count.unrouted);
  if (surroundings_.tap != nullptr && surroundings_.tap->IsWatched()) surroundings_.tap->Show(event, source, is_routed ? last_seq_ + 1 : 0);
  AlertDesk* const desk = surroundings_.alert_desk;
  if (desk != nullptr) desk->OnEvent(event, source, reading_, last_seq_ + 1);
  if (is_routed) AddRows(batch, source, std::move(event));
  if (desk == nullptr || !desk->HasAlerts()) return;
  if (!is_routed) ++last_seq_;  // What an alert names as its cause has an id of its own.
  AddAlerts(batch);
}

void Committer::AddRows(Batch& batch, const std::string& source, Event event) {
  ++last_seq_;
  const std::optional<BootTime> unsynchronized = BootTimeOf(event, reading_);
  const bool is_kept = event.topic == kGapsTopic;  // What tells of drops is not dropped.
  for (std::size_t i = 0; i < routed_.size(); ++i) {
    const bool last = i + 1 == routed_.size();
    Routed& routed = routed_[i];
    CheckDestination(routed);
    Row& row = AddRow(batch, routed);
    row.seq = last_seq_;
    row.source = source;
    row.destination = std::move(routed.destination);
    row.key = std::move(routed.key);
    if (routed.ttl && !is_kept) row.deadline = running_ + *routed.ttl;
    row.unsynchronized = unsynchronized;
    row.retain = routed.retain;
    row.bare = routed.bare;
    row.event = last ? std::move(event) : event;
    SetHeaders(std::move(routed.headers), row.event.properties);
  }
}

void Committer::CheckDestination(Routed& routed) {
  if (!routed.is_templated || !routed.misfit.empty() || surroundings_.destinations.Admit(routed.sink, routed.destination)) return;
  routed.misfit = "too many destinations: max_destinations of the sink is reached";
}

Row& Committer::AddRow(Batch& batch, Routed& routed) {
  LaneSlot& lane = lanes_[routed.lane];
  if (!routed.misfit.empty()) return batch.misfits.emplace_back(Misfit{lane.id, {}, std::move(routed.misfit)}).row;
  if (batch.appends.empty()) {
    batch.appends.resize(lanes_.size());
    for (std::size_t i = 0; i < lanes_.size(); ++i) batch.appends[i].lane = lanes_[i].id;
  }
  Row& row = batch.appends[routed.lane].rows.emplace_back();
  row.previous = std::exchange(lane.last_seq, last_seq_);
  return row;
}

void Committer::OnCommitted(const Result<void>& result, Transaction transaction) {
  const std::chrono::nanoseconds answered = surroundings_.wall_clock.Read().boot.since_boot;
  commit_durations_.Add(answered - reading_.boot.since_boot);
  if (result) {
    for (const std::chrono::nanoseconds received : transaction.received) ack_durations_.Add(answered - received);
  }
  // In flight until all is told: what is told calls back, and must not commit in between.
  const std::function<void()> replay_ended = EndReplay(result, transaction.batch);
  if (result) {
    OnDurable(std::move(transaction));
  } else {
    OnFailed(result.error(), std::move(transaction));
  }
  if (replay_ended) replay_ended();
  in_flight_ = false;
  CommitIfDue();
}

void Committer::OnDurable(Transaction transaction) {
  room_was_made_ = blocked_.has_value();
  if (!blocked_) {
    failing_.reset();
    refusals_ = 0;
    if (std::exchange(failing_is_told_, false)) Log(LogLevel::kInfo, "outbox", "writing again");
  }
  TellDropped(transaction.batch, true);
  gaps_under_way_ -= transaction.batch.told_gaps.size();
  for (const Outcome& outcome : transaction.outcomes) surroundings_.inbox.MarkDone(outcome.connection, outcome.events, outcome.bytes);
  if (!transaction.outcomes.empty()) hooks_.on_durable();
  for (LaneAppend& append : transaction.batch.appends) FindLane(append.lane)->forwarder->OnCommitted(std::move(append.rows));
}

void Committer::TellDropped(const Batch& batch, bool done) {
  for (std::size_t i = 0; i < batch.drops.size(); ++i) {
    if (!batch.drops[i].IsOpen()) continue;
    FindLane(batch.drops[i].lane)->forwarder->OnDropped(done ? &batch.dropped[i] : nullptr);
  }
}

void Committer::OnFailed(const Error& error, Transaction transaction) {
  TellDropped(transaction.batch, false);
  std::erase_if(transaction.batch.drops, [](const LaneDrop& drop) { return drop.IsOpen(); });  // Asked for anew, if still wanted.
  MoveSettling(transaction.batch, unsettled_);
  if (transaction.is_checkpoint) surroundings_.alert_desk->GiveBack(std::exchange(transaction.batch.rule_records, {}));
  const bool rows_failed = !transaction.IsEmpty();
  if (rows_failed) blocked_ = std::move(transaction);
  failing_ = error.code;
  const bool refused = rows_failed && error.code == ErrorCode::kFull;
  if (refused) ++refusals_;
  if (flushed_) return FinishFlush();
  if (refused && (HasSettling(unsettled_) || NextVictim() != nullptr)) return;
  if (!std::exchange(failing_is_told_, true)) {
    failing_why_ = error.message;
    Log(LogLevel::kError, "outbox", "cannot write: acknowledgements are held until it can", {{"reason", error.message}});
  }
  retry_timer_->Start(kRetryDelay);
}

PartWork Committer::Work() const {
  const bool may_commit = !in_flight_ && !stopped_ && !failing_ && !blocked_;
  return {"committer", may_commit && (!surroundings_.inbox.IsEmpty() || gathered_events_ > 0 || !own_.empty()), transactions_};
}

void Committer::Flush(std::function<void(bool)> flushed) {
  flushed_ = std::move(flushed);
  retry_timer_->Stop();
  CommitIfDue();
}

void Committer::Stop() {
  stopped_ = true;
  for (const auto& timer : {&commit_timer_, &settle_timer_, &retry_timer_, &look_timer_, &rules_timer_}) (*timer)->Stop();
  for (WaitingReplay& replay : std::exchange(replays_, {})) replay.done(Stopped());
}

void Committer::FinishFlush() {
  if (!flushed_) return;
  auto flushed = std::exchange(flushed_, nullptr);
  flushed(!blocked_ && gathered_events_ == 0 && !HasSettling(unsettled_));
}

}  // namespace sluice
