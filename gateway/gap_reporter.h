// Tells of what was given up: reads the gaps of the outbox from time to time and publishes them as events on `$sluice/gaps`.
//
//   {"sink":"cloud","class":"bulk","gaps":[{"first":17,"last":4711,"events":4000,"reason":"quota","since":"...Z","until":"...Z"}]}
//
// `first` and `last` are seqs of the lane of that sink and class, `events` how many it had in between. A consumer of the lane that misses
// the event that a `prevseq` names finds it in a gap.
//
// Invariants
//  1. Every gap is told once: it leaves the outbox with the transaction that its record enters (gateway/committer.h).
//  2. The records of a long outage are few: while they themselves could not leave, gaps are left to grow together, for up to an hour.
//
// Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "gateway/committer.h"
#include "gateway/ports.h"

namespace sluice {

class GapReporter {
 public:
  struct Surroundings {
    EventStore& store;
    Clock& clock;
    const WallClock& wall_clock;
    Committer& committer;
  };
  /// `may_leave`: records published now would reach their sinks.
  GapReporter(const Surroundings& surroundings, std::function<bool()> may_leave);

  void Start();
  /// What is being read is not told any more: another run will.
  void Stop();

 private:
  void OnTimer();
  void OnRead(const Result<std::vector<Gap>>& gaps);
  void Tell(const std::vector<Gap>& gaps);

  const Surroundings surroundings_;
  const std::function<bool()> may_leave_;
  const std::unique_ptr<Timer> timer_;
  MonotonicTime told_;  // When gaps were read last.
  bool stopped_ = false;
};

}  // namespace sluice
