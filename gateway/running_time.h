// Time that the box is known to have lived, and what the time of an event is worth.
//
// A time to live must not depend on a wall clock that jumps, and a box without power must not give up events because nobody could deliver
// them. So it counts running time: the clock of the boot while the box runs, and the time it was off only if the wall clock was right both
// before and after: when a time service sets it only later in the boot, the time off is added then.
// Not if the process has been started anew before that: then the time off is never added, and rows live the longer for it.
//
// Pure: readings are arguments.
#pragma once

#include "gateway/event.h"
#include "gateway/ports.h"

namespace sluice {

class RunningClock {
 public:
  /// `kept`: where the last run ended; of a new outbox: a default one.
  RunningClock(const ClockKept& kept, const ClockReading& now);

  /// Never goes back. Also notes when the wall clock has become right.
  RunningTime Advance(const ClockReading& now);

 private:
  const ClockReading start_;
  const ClockKept kept_;
  RunningTime base_;
  bool off_time_is_known_;
  RunningTime last_{0};
};

/// When `row` was received, as well as it can be told at `now`.
void CorrectTime(Row& row, const ClockReading& now);
/// When `event`, received in this boot a moment ago, came on the clock of the boot; none if its wall time is right: the wall clock is, and
/// has not been set since.
std::optional<BootTime> BootTimeOf(const Event& event, const ClockReading& now);

}  // namespace sluice
