// Publishes how the gateway is doing as events on `$sluice/status`: behind a carrier's NAT they are the only view from outside.
//
// One when the daemon starts, when it stops, when it has a new configuration, when an outage of a sink is over, and every `report_every`;
// the document is that of `sluice status --json` with a member "reason": "start", "stop", "reload", "recovered" or "interval". While
// reports could not leave, those of the interval come once an hour: a long outage must not fill the outbox with them.
//
// Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gateway/committer.h"
#include "gateway/ports.h"
#include "gateway/status.h"

namespace sluice {

class StatusReporter {
 public:
  struct Surroundings {
    EventStore& store;
    Clock& clock;
    const WallClock& wall_clock;
    Committer& committer;
  };
  struct Options {
    bool is_routed;                   ///< Some route takes the reports; without one none are made.
    std::chrono::milliseconds every;  ///< 0: none but those for a reason.
  };
  /// `facts` gives all but the counters. `may_leave`: reports published now would reach their sinks.
  StatusReporter(const Surroundings& surroundings, Options options, std::function<StatusFacts()> facts, std::function<bool()> may_leave);

  /// `reason`: of the first report.
  void Start(const char* reason);
  /// A sink delivers again. Several at once are one report.
  void OnRecovered();
  /// A last report for `reason`, unless that is null, and none after it; `reported` runs once, when it is published or cannot be.
  void Stop(const char* reason, std::function<void()> reported);

 private:
  void OnInterval();
  void Report(const char* reason, std::function<void()> reported);

  const Surroundings surroundings_;
  const Options options_;
  const std::function<StatusFacts()> facts_;
  const std::function<bool()> may_leave_;
  const std::unique_ptr<Timer> interval_timer_;
  const std::unique_ptr<Timer> recovered_timer_;
  MonotonicTime reported_;
  bool stopped_ = false;
};

}  // namespace sluice
