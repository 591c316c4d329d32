#include "gateway/alive_clock.h"

#include <algorithm>

namespace sluice {
namespace {

AliveTime Whole(std::chrono::nanoseconds time) {
  return std::chrono::floor<AliveTime>(std::max(time, std::chrono::nanoseconds(0)));
}

}  // namespace

AliveClock::AliveClock(const ClockKept& kept, const ClockReading& start) : start_(start), alive_(kept.alive), off_(kept.off) {
  const ClockReading& end = kept.reading;
  if (end.boot == BootTime{}) return;
  if (end.boot.boot == start.boot.boot) {
    off_ += Whole(start.boot.since_boot - end.boot.since_boot);
  } else if (end.synchronized && start.synchronized) {
    off_ += Whole(start.wall - end.wall);
  } else {
    off_time_is_known_ = false;
  }
}

RuleMoment AliveClock::Before(const ClockReading& now, std::chrono::nanoseconds ago) const {
  const AliveTime alive = alive_ + Whole(now.boot.since_boot - ago - start_.boot.since_boot);
  return {alive, alive + off_, now.wall - ago};
}

RuleMoment AliveClock::At(const ClockReading& now) const {
  return Before(now, std::chrono::nanoseconds(0));
}

RuleMoment AliveClock::Of(const Event& event, const ClockReading& now) const {
  return Before(now, std::max(now.boot.since_boot - event.since_boot, std::chrono::nanoseconds(0)));
}

void AliveClock::Keep(const ClockReading& now, ClockKept& kept) const {
  kept.alive = At(now).alive;
  kept.off = off_;
}

}  // namespace sluice
