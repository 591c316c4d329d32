// Delays between attempts: exponential, capped, with full jitter (a random delay between 0 and the exponential bound), without an end.
// After "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Pure: no clock, seeded by the caller.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace sluice {

class Backoff {
 public:
  /// The bound starts at `min`, doubles with each attempt and stops at `max`.
  Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max, std::uint64_t seed);

  /// The delay before the next attempt. At least 1 ms.
  std::chrono::milliseconds Next();
  /// After a success.
  void Reset() { bound_ = min_; }

 private:
  const std::chrono::milliseconds min_;
  const std::chrono::milliseconds max_;
  std::chrono::milliseconds bound_;
  std::mt19937_64 random_;
};

}  // namespace sluice
