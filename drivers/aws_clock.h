// The time as AWS has it: the system's, corrected by what its answers say. The system's clock is never touched.
//
// Pure.
#pragma once

#include <chrono>

#include "gateway/event.h"

namespace sluice {

class AwsClock {
 public:
  WallTime Now(WallTime system) const { return system + correction_; }

  /// An answer bears the date `server`. True if the correction changed: the difference is more than AWS tolerates, or the answer refused
  /// the signature.
  bool OnDate(WallTime system, WallTime server, bool signature_refused) {
    const auto difference = std::chrono::abs(server - Now(system));
    if (difference <= kTolerance && !(signature_refused && difference > kResolution)) return false;
    correction_ = server - system;
    return true;
  }

  std::chrono::seconds correction() const { return std::chrono::floor<std::chrono::seconds>(correction_); }

 private:
  static constexpr std::chrono::minutes kTolerance{5};
  static constexpr std::chrono::seconds kResolution{2};  // A date has whole seconds, and was on its way for some time.

  std::chrono::nanoseconds correction_{0};
};

}  // namespace sluice
