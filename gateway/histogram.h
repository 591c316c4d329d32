// How often something took how long: fixed bounds, so that adding costs a few comparisons and no memory.
//
// Pure.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice {

class Histogram {
 public:
  /// In seconds. From a commit in RAM to a disk that hangs.
  static constexpr std::array<double, 14> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};

  void Add(std::chrono::nanoseconds took) {
    const double seconds = std::max(0.0, std::chrono::duration<double>(took).count());
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    ++counts_[static_cast<std::size_t>(bound - kBounds.begin())];
    sum_ += seconds;
  }

  /// How many took at most kBounds[i]; at the end: all.
  std::uint64_t AtMost(std::size_t i) const {
    std::uint64_t count = 0;
    for (std::size_t at = 0; at <= i; ++at) count += counts_[at];
    return count;
  }
  std::uint64_t Count() const { return AtMost(kBounds.size()); }
  double Sum() const { return sum_; }  ///< Seconds.

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0;
};

}  // namespace sluice
