// The state of one alert: inactive, pending, firing. Its words and its edges are those of Prometheus' alerting rules (rules/alerting.go).
//
//   inactive -> pending   the condition is true
//   pending -> firing     it has been true for at least `hold`; with a hold of 0 at once
//   pending -> inactive   it is not true any more
//   firing -> inactive    it has not been true for at least `keep`: the alert is resolved; with a keep of 0 at once
//
// Pure: time is data. REQUIRES: times never go back.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/event.h"

namespace sluice {

enum class AlertPhase : std::uint8_t { kInactive, kPending, kFiring };
std::string_view NameOf(AlertPhase phase);

enum class AlertChange : std::uint8_t { kNone, kFired, kResolved };

class AlertState {
 public:
  struct Times {
    std::chrono::milliseconds hold{0};  ///< "for"
    std::chrono::milliseconds keep{0};  ///< "keep_firing_for"
  };

  AlertState() = default;
  /// As it was kept. `since`: when the condition became true; `over_since`: of a firing alert, when it was true no more.
  AlertState(AlertPhase phase, AliveTime since, std::optional<AliveTime> over_since);

  /// The condition was looked at.
  AlertChange Observe(bool is_true, AliveTime now, const Times& times);
  /// Time passed; what the condition said last still holds.
  AlertChange Advance(AliveTime now, const Times& times);

  AlertPhase phase() const { return phase_; }
  AliveTime since() const { return since_; }
  std::optional<AliveTime> over_since() const;
  /// When Advance will change something, if nothing is observed before; kNeverAlive: it will not.
  AliveTime Deadline(const Times& times) const;

 private:
  static constexpr AliveTime kNotOver{-1};

  AliveTime since_{0};
  AliveTime over_since_ = kNotOver;
  AlertPhase phase_ = AlertPhase::kInactive;
};

}  // namespace sluice
