#include "gateway/forwarder.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "gateway/failpoint.h"
#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;
constexpr std::size_t kBufferBytes = 1u << 20;
constexpr std::chrono::milliseconds kReadRetry{1'000};

// A lane without backlog has nothing on disk to look for; one with a backlog is read from its very start.
Seq StartOf(const LaneState& lane) {
  return lane.pending_events == 0 ? lane.last_seq : 0;
}

}  // namespace

Forwarder::Forwarder(const LaneState& lane, Options options, Sink& sink, EventStore& store, Clock& clock, std::function<void()> on_settled)
    : lane_(lane.id),
      options_(std::move(options)),
      sink_(sink),
      store_(store),
      on_settled_(std::move(on_settled)),
      retry_timer_(clock.NewTimer([this] { Resume(); })),
      read_timer_(clock.NewTimer([this] { Pump(); })),
      close_timer_(clock.NewTimer([this] { CloseSink(); })),
      stall_timer_(clock.NewTimer([this] { OnStall(); })),
      buffer_(StartOf(lane), lane.last_seq, kBufferBytes),
      backoff_(options_.retry_min, options_.retry_max, options_.seed),
      cursor_(StartOf(lane)) {}

void Forwarder::Start() {
  sink_.Open(*this);
  state_ = State::kStreaming;
  Pump();
}

void Forwarder::OnCommitted(std::vector<Row> rows) {
  buffer_.OnCommitted(std::move(rows));
  Pump();
}

void Forwarder::Pump() {
  if (state_ != State::kStreaming || closed_ || holds_ > 0) return;
  const Seq before = cursor_;
  while (!buffer_.IsEmpty() && MaySend()) SendFront();
  if (cursor_ != before) {
    if (!stall_timer_->IsActive()) stall_timer_->Start(kStall);
    sink_.Flush();
    Failpoint("after_produce");
  }
  ReadMore();
}

bool Forwarder::MaySend() const {
  const std::size_t in_flight = settlement_.InFlightEvents();
  return bisection_.Allows(buffer_.Front().row.seq, in_flight) && in_flight < kMaxEvents && settlement_.InFlightBytes() < kMaxBytes;
}

void Forwarder::SendFront() {
  const BufferedRow& next = buffer_.Front();
  const std::size_t in_flight = settlement_.InFlightEvents();
  cursor_ = next.row.seq;
  if (settlement_.Begin(cursor_, Footprint(next.row))) {
    if (next.damaged) {
      SetAside(cursor_, "damaged");
    } else {
      bisection_.OnSent(cursor_, in_flight);
      sink_.Send(next.row);
    }
  }
  buffer_.PopFront();
}

void Forwarder::ReadMore() {
  if (reading_ || read_timer_->IsActive() || !buffer_.WantsRead()) return;
  reading_ = true;
  const Seq after = buffer_.ReadAfter();
  store_.Read(lane_, after, kReadBytes, [this, after](Result<LaneRead> read) { OnRead(std::move(read), after); });
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
  if (!failing_ || refused_) return;
  failing_ = false;
  Log(LogLevel::kInfo, "forwarder", "delivering again", {{"sink", options_.sink}});
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
  if (failing_) return;
  failing_ = true;
  Log(LogLevel::kWarning, "forwarder", "delivery failed, keeping the events and trying again",
      {{"sink", options_.sink}, {"seq", std::to_string(seq)}, {"reason", reason}});
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
  settlement_.Finish(seq);
  ++finished_;
}

void Forwarder::SetAside(Seq seq, const std::string& reason) {
  dead_letters_.push_back({lane_, seq, reason, attempts_, std::chrono::system_clock::now()});
  attempts_ = 0;
  Finish(seq);
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
  sink_.Reset([this] { OnSinkReady(); });
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
  const char* state = holds_ > 0 ? "held" : kStates[static_cast<std::size_t>(state_)];
  return {lane_, state, settlement_.InFlightEvents(), last_error_, last_error_time_};
}

bool Forwarder::Hold() {
  if (closed_) return false;
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

void Forwarder::OnReplayed(const std::vector<Seq>& seqs) {
  for (const Seq seq : seqs) settlement_.Reopen(seq);
  cursor_ = told_through_ = settlement_.SettledThrough();
  buffer_.Rewind(cursor_);
}

void Forwarder::TakeSettled(Batch& batch) {
  std::move(dead_letters_.begin(), dead_letters_.end(), std::back_inserter(batch.dead_letters));
  dead_letters_.clear();
  finished_ = 0;
  if (settlement_.SettledThrough() == told_through_) return;
  told_through_ = settlement_.SettledThrough();
  batch.settles.push_back({lane_, told_through_});
}

void Forwarder::Close(std::chrono::milliseconds limit, std::function<void()> closed) {
  closed_ = std::move(closed);
  retry_timer_->Stop();
  read_timer_->Stop();
  stall_timer_->Stop();
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
  sink_.Close([this] { closed_(); });
}

}  // namespace sluice
