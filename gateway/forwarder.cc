#include "gateway/forwarder.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "gateway/failpoint.h"
#include "gateway/log.h"
#include "gateway/running_time.h"

namespace sluice {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;
constexpr std::size_t kBufferBytes = 1u << 20;
constexpr std::chrono::milliseconds kReadRetry{1'000};
constexpr std::chrono::milliseconds kLook{10'000};
constexpr std::uint64_t kCrowd = kDropRows / 10;

// A lane without backlog has nothing on disk to look for; one with a backlog is read from its very start.
Seq StartOf(const LaneState& lane) {
  return lane.pending_events == 0 ? lane.last_seq : 0;
}

}  // namespace

Forwarder::Forwarder(const LaneState& lane, Options options, Sink* sink, const Surroundings& surroundings, std::function<void()> on_settled)
    : lane_(lane.id),
      options_(std::move(options)),
      sink_(sink),
      surroundings_(surroundings),
      place_(surroundings.share.Add(options_.weight)),
      on_settled_(std::move(on_settled)),
      retry_timer_(surroundings.clock.NewTimer([this] { Resume(); })),
      read_timer_(surroundings.clock.NewTimer([this] { Pump(); })),
      close_timer_(surroundings.clock.NewTimer([this] { CloseSink(); })),
      stall_timer_(surroundings.clock.NewTimer([this] { OnStall(); })),
      limit_timer_(surroundings.clock.NewTimer([this] { Pump(); })),
      look_timer_(surroundings.clock.NewTimer([this] { OnLook(); })),
      buffer_(StartOf(lane), lane.last_seq, kBufferBytes),
      backoff_(options_.retry_min, options_.retry_max, options_.seed),
      cursor_(StartOf(lane)),
      pending_bytes_(lane.pending_bytes) {}

void Forwarder::Start() {
  if (sink_ != nullptr) sink_->Open(*this);
  StartDay();
  look_timer_->Start(kLook);
  state_ = State::kStreaming;
  Pump();
}

void Forwarder::OnCommitted(std::vector<Row> rows) {
  for (const Row& row : rows) pending_bytes_ += Footprint(row);
  buffer_.OnCommitted(std::move(rows));
  Pump();
}

void Forwarder::Pump() {
  const bool may_send = state_ == State::kStreaming && !closed_ && holds_ == 0;
  const bool waits = may_send && (!buffer_.IsEmpty() || !buffer_.IsLive());
  surroundings_.share.SetWaiting(place_, waits, surroundings_.clock.Now());
  if (!may_send) return;
  const Seq before = cursor_;
  const Seq settled = settlement_.SettledThrough();
  sending_at_.reset();
  while (!buffer_.IsEmpty() && MaySend()) SendFront();
  if (cursor_ != before && settlement_.InFlightEvents() > 0) {
    if (!stall_timer_->IsActive()) stall_timer_->Start(kStall);
    sink_->Flush();
    Failpoint("after_produce");
  }
  ReadMore();
  // What was done before a rewind settles when its place has come again.
  if (settlement_.SettledThrough() > settled) on_settled_();
}

bool Forwarder::MaySend() {
  const BufferedRow& next = buffer_.Front();
  if (dropping_ || expiry_due_ || !FitsWindow(Footprint(next.row))) return false;
  const bool is_new = next.row.seq > settlement_.GivenThrough();
  if (is_new && IsExpired(next)) {
    expiry_due_ = true;
    on_settled_();
    return false;
  }
  if (sink_ == nullptr) return false;
  const std::chrono::milliseconds delay = surroundings_.share.DelayOf(place_, surroundings_.clock.Now());
  if (delay.count() > 0) limit_timer_->Start(delay);
  return delay.count() == 0;
}

bool Forwarder::FitsWindow(std::size_t bytes) const {
  const std::size_t in_flight = settlement_.InFlightEvents();
  if (!bisection_.Allows(buffer_.Front().row.seq, in_flight)) return false;
  if (in_flight == 0) return true;
  const UploadShare::Window window = surroundings_.share.WindowOf(place_);
  return in_flight < window.events && settlement_.InFlightBytes() + bytes <= window.bytes;
}

void Forwarder::SendFront() {
  BufferedRow next = buffer_.TakeFront();
  const std::size_t in_flight = settlement_.InFlightEvents();
  cursor_ = next.row.seq;
  if (!settlement_.Begin(cursor_, Footprint(next.row))) return;
  if (next.damaged) return SetAside(cursor_, "damaged");
  // One that was given to the sink before; others are dropped in crowds, before they come here.
  if (IsExpired(next)) return DropExpired(cursor_);
  bisection_.OnSent(cursor_, in_flight);
  SendRow(std::move(next.row));
}

void Forwarder::DropExpired(Seq seq) {
  expired_.push_back({lane_, seq - 1, seq, DropReason::kExpired, 0, surroundings_.running_time()});
  ++dropped_[DropReason::kExpired];
  attempts_ = 0;
  Finish(seq);
  on_settled_();
}

void Forwarder::SendRow(Row row) {
  if (row.unsynchronized) {
    if (!sending_at_) sending_at_ = surroundings_.wall_clock.Read();
    CorrectTime(row, *sending_at_);
  }
  const std::size_t bytes = Footprint(row);
  surroundings_.share.Spend(place_, bytes);
  sent_today_ += bytes;
  sent_ += bytes;
  sink_->Send(row);
}

bool Forwarder::IsExpired(const BufferedRow& row) const {
  return !row.damaged && row.row.deadline && *row.row.deadline < surroundings_.running_time();
}

void Forwarder::OnLook() {
  look_timer_->Start(kLook);
  StartDay();
  LogLosses();
  LookForExpired();
}

void Forwarder::StartDay() {
  const auto today = std::chrono::floor<std::chrono::days>(surroundings_.wall_clock.Read().wall);
  if (std::exchange(today_, today) != today) sent_today_ = 0;
}

// The first of a crowd is told when it comes, with all there is to say of it.
void Forwarder::LogLosses() {
  for (const auto& [reason, events] : std::exchange(dropped_, {})) {
    Log(LogLevel::kWarning, "forwarder", "events given up",
        {{"sink", options_.sink},
         {"class", options_.lane_class},
         {"events", std::to_string(events)},
         {"reason", std::string(NameOf(reason))}});
  }
  const std::uint64_t aside = std::exchange(set_aside_, 0);
  if (aside <= 1) return;
  Log(LogLevel::kError, "forwarder", "more events set aside: see `sluice dead-letters list`",
      {{"sink", options_.sink}, {"class", options_.lane_class}, {"events", std::to_string(aside - 1)}});
}

void Forwarder::LookForExpired() {
  if (dropping_ || expiry_due_ || closed_ || buffer_.IsEmpty() || !IsExpired(buffer_.Front())) return;
  if (buffer_.Front().row.seq <= settlement_.GivenThrough()) return;  // Seen to when it is its turn.
  expiry_due_ = true;
  on_settled_();
}

std::size_t Forwarder::DroppableBytes() const {
  const std::size_t in_flight = settlement_.InFlightBytes();
  const bool none = options_.on_full == OnFull::kKeep || dropping_.has_value() || closed_ || pending_bytes_ <= in_flight;
  return none ? 0 : pending_bytes_ - in_flight;
}

// What was given to the sink since the start is not dropped in crowds: some of it may have been delivered.
Seq Forwarder::GivenThrough() const {
  return std::max(cursor_, settlement_.GivenThrough());
}

LaneDrop Forwarder::BeginDrop(Bytes bytes) {
  dropping_ = DropReason::kQuota;
  return {.lane = lane_, .after = GivenThrough(), .reason = DropReason::kQuota, .bytes = bytes};
}

void Forwarder::OnDropped(const DroppedRows* dropped) {
  const bool at_quota = std::exchange(dropping_, std::nullopt) == DropReason::kQuota;
  expiry_due_ = false;
  expiring_crowd_ = !at_quota && dropped != nullptr && dropped->events >= kCrowd;
  if (dropped != nullptr) pending_bytes_ -= std::min<std::size_t>(pending_bytes_, dropped->bytes);
  // Nothing was left that could be dropped: the estimate was too high.
  if (at_quota && dropped != nullptr && dropped->events == 0) pending_bytes_ = settlement_.InFlightBytes();
  if (dropped != nullptr && dropped->events > 0) dropped_[dropped->reason] += dropped->events;
  // Whatever the buffer holds is older than the drop; one that failed may have been done all the same.
  buffer_.Rewind(cursor_);
  Pump();
}

void Forwarder::ReadMore() {
  if (reading_ || read_timer_->IsActive() || !buffer_.WantsRead()) return;
  reading_ = true;
  const Seq after = buffer_.ReadAfter();
  surroundings_.store.Read(lane_, after, kReadBytes, [this, after](Result<LaneRead> read) { OnRead(std::move(read), after); });
}

void Forwarder::OnRead(Result<LaneRead> read, Seq after) {
  reading_ = false;
  if (!read) {
    Log(LogLevel::kWarning, "forwarder", "backlog cannot be read, trying again",
        {{"sink", options_.sink}, {"reason", read.error().message}});
    read_timer_->Start(kReadRetry);
    return;
  }
  buffer_.OnRead(std::move(*read), after);
  Pump();
  if (!dead_letters_.empty()) on_settled_();  // Damaged rows need no verdict.
}

void Forwarder::OnVerdict(Seq seq, Verdict verdict, const std::string& reason) {
  if (verdict != Verdict::kDelivered) return OnRefused(seq, verdict, reason);
  Finish(seq);
  attempts_ = 0;
  backoff_.Reset();
  const bool was_in_trouble = std::exchange(in_trouble_, false);
  const bool was_failing = failing_ && !refused_;
  if (was_failing) {
    failing_ = false;
    Log(LogLevel::kInfo, "forwarder", "delivering again", {{"sink", options_.sink}});
  }
  if (was_in_trouble || was_failing) surroundings_.on_recovered();
}

void Forwarder::OnRefused(Seq seq, Verdict verdict, const std::string& reason) {
  const bool rejected = verdict == Verdict::kRejected;
  refused_ = true;
  last_error_ = reason;
  last_error_time_ = std::chrono::system_clock::now();
  retry_now_ |= rejected;
  const bool alone = bisection_.IsAlone(seq);
  if (alone) ++attempts_;
  if (rejected && alone) {
    bisection_.OnSetAside();
    return SetAside(seq, reason);
  }
  if (rejected) bisection_.OnRejected(seq);
  if (rejected || failing_) return;  // A sink that refuses some rows is no sink that fails.
  failing_ = true;
  Log(LogLevel::kWarning, "forwarder", "delivery failed, keeping the events and trying again",
      {{"sink", options_.sink}, {"seq", std::to_string(seq)}, {"reason", reason}});
}

// The sink, which knows what to do about it, has it in the log.
void Forwarder::OnTrouble(const std::string& reason) {
  in_trouble_ = true;
  last_error_ = reason;
  last_error_time_ = std::chrono::system_clock::now();
}

void Forwarder::OnVerdictsDone() {
  stall_timer_->Stop();
  if (refused_) {
    Rewind();
  } else if (settlement_.InFlightEvents() > 0) {
    stall_timer_->Start(kStall);
  } else {
    bisection_.OnTaken();
  }
  if (settlement_.SettledThrough() > told_through_ || !dead_letters_.empty()) {
    Failpoint("before_settle");
    on_settled_();
  }
  CloseSinkIfQuiet();
  Pump();
}

void Forwarder::Finish(Seq seq) {
  pending_bytes_ -= std::min(pending_bytes_, settlement_.Finish(seq));
  ++finished_;
}

void Forwarder::SetAside(Seq seq, const std::string& reason) {
  dead_letters_.push_back({lane_, seq, reason, attempts_, std::chrono::system_clock::now()});
  attempts_ = 0;
  Finish(seq);
  if (++set_aside_ > 1) return;
  Log(LogLevel::kError, "forwarder", "event set aside, its sink will never take it",
      {{"sink", options_.sink}, {"seq", std::to_string(seq)}, {"reason", reason}});
}

void Forwarder::Rewind() {
  bisection_.Rewind();
  settlement_.Rewind();
  cursor_ = settlement_.SettledThrough();
  buffer_.Rewind(cursor_);
  refused_ = false;
  state_ = State::kResetting;
  surroundings_.share.SetWaiting(place_, false, surroundings_.clock.Now());
  sink_->Reset([this] { OnSinkReady(); });
}

void Forwarder::OnStall() {
  if (state_ != State::kStreaming || closed_) return;
  Log(LogLevel::kWarning, "forwarder", "the sink has said nothing for long about what it was given, starting it anew",
      {{"sink", options_.sink}, {"events", std::to_string(settlement_.InFlightEvents())}});
  Rewind();
}

void Forwarder::OnSinkReady() {
  if (closed_) return CloseSink();
  state_ = State::kBackingOff;
  const bool now = std::exchange(retry_now_, false);
  if (now) return Resume();
  retry_timer_->Start(backoff_.Next());
}

void Forwarder::Resume() {
  state_ = State::kStreaming;
  Pump();
}

ForwarderStatus Forwarder::Status() const {
  static constexpr const char* kStates[] = {"idle", "live", "resetting", "waiting", "closed"};
  const char* state = sink_ == nullptr ? "orphaned" : holds_ > 0 ? "held" : kStates[static_cast<std::size_t>(state_)];
  return {lane_, state, settlement_.InFlightEvents(), last_error_, last_error_time_, sent_today_, sent_, IsAway()};
}

PartWork Forwarder::Work() const {
  const bool may_send = state_ == State::kStreaming && sink_ != nullptr && !closed_ && holds_ == 0;
  const bool waits =
      settlement_.InFlightEvents() > 0 || reading_ || dropping_ || expiry_due_ || limit_timer_->IsActive() || read_timer_->IsActive();
  const bool has_rows = !buffer_.IsEmpty() || !buffer_.IsLive();
  return {"lane " + options_.sink + "/" + options_.lane_class, may_send && !waits && has_rows, cursor_};
}

bool Forwarder::Hold() {
  if (closed_ || sink_ == nullptr) return false;
  if (++holds_ > 1 || state_ != State::kStreaming) return true;
  stall_timer_->Stop();
  retry_now_ = true;
  Rewind();
  return true;
}

void Forwarder::Release() {
  --holds_;
  Pump();
}

void Forwarder::OnReplayed(const LaneReplay& replay) {
  for (const Seq seq : replay.seqs) settlement_.Reopen(seq);
  pending_bytes_ += replay.bytes;
  // Moved rows may be younger than all that the lane has had.
  if (!replay.seqs.empty()) buffer_.Extend(replay.seqs.back());
  cursor_ = told_through_ = settlement_.SettledThrough();
  buffer_.Rewind(cursor_);
}

void Forwarder::TakeSettled(Batch& batch) {
  std::move(dead_letters_.begin(), dead_letters_.end(), std::back_inserter(batch.dead_letters));
  dead_letters_.clear();
  finished_ = 0;
  std::move(expired_.begin(), expired_.end(), std::back_inserter(batch.drops));
  expired_.clear();
  if (expiry_due_ && !dropping_) {
    dropping_ = DropReason::kExpired;
    batch.drops.push_back({.lane = lane_, .after = GivenThrough(), .reason = DropReason::kExpired, .now = surroundings_.running_time()});
  }
  if (settlement_.SettledThrough() == told_through_) return;
  told_through_ = settlement_.SettledThrough();
  batch.settles.push_back({lane_, told_through_});
}

void Forwarder::Close(std::chrono::milliseconds limit, std::function<void()> closed) {
  closed_ = std::move(closed);
  retry_timer_->Stop();
  read_timer_->Stop();
  stall_timer_->Stop();
  limit_timer_->Stop();
  look_timer_->Stop();
  LogLosses();
  close_timer_->Start(limit);
  CloseSinkIfQuiet();
}

void Forwarder::CloseSinkIfQuiet() {
  const bool resetting = state_ == State::kResetting;  // Its callback comes back here.
  if (closed_ && !resetting && settlement_.InFlightEvents() == 0) CloseSink();
}

void Forwarder::CloseSink() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  close_timer_->Stop();
  if (sink_ == nullptr) return closed_();
  sink_->Close([this] { closed_(); });
}

}  // namespace sluice
