#include "gateway/running_time.h"

#include <algorithm>

namespace sluice {
namespace {

// Time services set a clock that is wrong by more (ntpd 0.128 s, systemd-timesyncd 0.4 s, chrony 1 s) and let it drift to the right time
// otherwise.
constexpr std::chrono::milliseconds kSmallestStep{100};

template <typename D>
RunningTime Positive(D duration) {
  return std::max(RunningTime(0), std::chrono::duration_cast<RunningTime>(duration));
}

bool IsNew(const ClockKept& kept) {
  return kept.reading.boot == BootTime{};
}

}  // namespace

RunningClock::RunningClock(const ClockKept& kept, const ClockReading& now) : start_(now), kept_(kept), base_(kept.running) {
  const bool same_boot = kept.reading.boot.boot == now.boot.boot;
  if (same_boot) base_ += Positive(now.boot.since_boot - kept.reading.boot.since_boot);
  off_time_is_known_ = same_boot || IsNew(kept) || !kept.reading.synchronized;  // Or will never be.
  last_ = base_;
}

RunningTime RunningClock::Advance(const ClockReading& now) {
  const auto since_start = now.boot.since_boot - start_.boot.since_boot;
  if (!off_time_is_known_ && now.synchronized) {
    off_time_is_known_ = true;
    base_ += Positive(now.wall - since_start - kept_.reading.wall);
  }
  last_ = std::max(last_, base_ + Positive(since_start));
  return last_;
}

void CorrectTime(Row& row, const ClockReading& now) {
  if (!row.unsynchronized) return;
  const bool correct = now.synchronized && row.unsynchronized->boot == now.boot.boot;
  row.time_quality = correct ? TimeQuality::kCorrected : TimeQuality::kUnsynchronized;
  if (correct) row.event.received = now.wall - (now.boot.since_boot - row.unsynchronized->since_boot);
}

std::optional<BootTime> BootTimeOf(const Event& event, const ClockReading& now) {
  // A wall clock that was set in between has moved against the clock of the boot.
  const std::chrono::nanoseconds moved = (now.wall - event.received) - (now.boot.since_boot - event.since_boot);
  if (now.synchronized && std::chrono::abs(moved) < kSmallestStep) return std::nullopt;
  return BootTime{now.boot.boot, std::chrono::floor<std::chrono::milliseconds>(event.since_boot)};
}

}  // namespace sluice
