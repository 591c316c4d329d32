// The clocks of the rules. `alive` stands still while the daemon does not run: `for` and `absent_for` count only time that somebody has
// looked at. `elapsed` goes on, as far as it is known how long the daemon was off: samples grow old meanwhile.
//
// Pure: readings are arguments.
#pragma once

#include "gateway/event.h"
#include "gateway/ports.h"

namespace sluice {

/// One moment, for rules.
struct RuleMoment {
  AliveTime alive{0};
  AliveTime elapsed{0};  ///< Since some moment in the past; within one life of the daemon as far from `alive` all the time.
  WallTime wall;
};

class AliveClock {
 public:
  /// `kept`: where the last life ended; of a new outbox: a default one.
  AliveClock(const ClockKept& kept, const ClockReading& start);

  RuleMoment At(const ClockReading& now) const;
  /// When `event` was received, at `now` or before it.
  RuleMoment Of(const Event& event, const ClockReading& now) const;
  /// It is known how long the daemon was off. If not, what was measured before is of no use.
  bool IsOffTimeKnown() const { return off_time_is_known_; }
  /// To be kept: the part of ClockKept that is of this clock.
  void Keep(const ClockReading& now, ClockKept& kept) const;

 private:
  RuleMoment Before(const ClockReading& now, std::chrono::nanoseconds ago) const;

  const ClockReading start_;
  const AliveTime alive_;  // At the start.
  AliveTime off_;          // Altogether.
  bool off_time_is_known_ = true;
};

}  // namespace sluice
