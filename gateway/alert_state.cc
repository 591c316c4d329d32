#include "gateway/alert_state.h"

namespace sluice {

std::string_view NameOf(AlertPhase phase) {
  constexpr std::string_view kNames[] = {"inactive", "pending", "firing"};
  return kNames[static_cast<std::size_t>(phase)];
}

AlertState::AlertState(AlertPhase phase, AliveTime since, std::optional<AliveTime> over_since)
    : since_(since), over_since_(over_since.value_or(kNotOver)), phase_(phase) {}

AlertChange AlertState::Observe(bool is_true, AliveTime now, const Times& times) {
  if (is_true) {
    over_since_ = kNotOver;
    if (phase_ == AlertPhase::kInactive) {
      phase_ = AlertPhase::kPending;
      since_ = now;
    }
  } else if (phase_ == AlertPhase::kPending) {
    phase_ = AlertPhase::kInactive;
  } else if (phase_ == AlertPhase::kFiring && over_since_ == kNotOver) {
    over_since_ = now;
  }
  return Advance(now, times);
}

AlertChange AlertState::Advance(AliveTime now, const Times& times) {
  if (now < Deadline(times)) return AlertChange::kNone;
  over_since_ = kNotOver;
  phase_ = phase_ == AlertPhase::kPending ? AlertPhase::kFiring : AlertPhase::kInactive;
  return phase_ == AlertPhase::kFiring ? AlertChange::kFired : AlertChange::kResolved;
}

std::optional<AliveTime> AlertState::over_since() const {
  return over_since_ == kNotOver ? std::nullopt : std::optional(over_since_);
}

AliveTime AlertState::Deadline(const Times& times) const {
  if (phase_ == AlertPhase::kPending) return since_ + times.hold;
  if (phase_ == AlertPhase::kFiring && over_since_ != kNotOver) return over_since_ + times.keep;
  return kNeverAlive;
}

}  // namespace sluice
