// What rules ask of the samples in a window (gateway/sample_window.h says what each function means).
//
// Source of delta, rate and deriv: Prometheus 3, promql/functions.go (extrapolatedRate, linearRegression).
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/event.h"
#include "gateway/sample_ring.h"
#include "gateway/sample_summary.h"

namespace sluice {

enum class WindowFunction : std::uint8_t { kAvg, kMin, kMax, kSum, kCount, kFirst, kLast, kDelta, kRate, kDeriv, kStddev };

/// Nothing if there is none of that name: "avg", "rate", ...
std::optional<WindowFunction> WindowFunctionOf(std::string_view name);

/// A window at one moment: the samples of `ring` from number `from` on, all of (now - duration, now].
class WindowView {
 public:
  WindowView(const SampleRing& ring, std::uint64_t from, RunningTime duration, RunningTime now)
      : ring_(ring), from_(from), duration_(duration), now_(now) {}

  std::size_t count() const { return static_cast<std::size_t>(ring_.end() - from_); }
  /// Nothing if there are too few samples, or a double cannot hold it.
  std::optional<double> Value(WindowFunction function) const;

 private:
  const Sample& First() const { return ring_[from_]; }
  const Sample& Last() const { return ring_[ring_.end() - 1]; }
  double Read(WindowFunction function) const;
  double Rate() const;
  /// How many times as much a series changed in the whole window as between its first and last samples. `to_zero`: at most so much of the
  /// time between them is added in front.
  double Extrapolation(std::optional<double> to_zero) const;
  SampleTotals Totals() const;
  /// By resets of a counter.
  double Lost() const;
  SampleMoments Moments() const;

  const SampleRing& ring_;
  const std::uint64_t from_;
  const RunningTime duration_;
  const RunningTime now_;
};

}  // namespace sluice
