// The numbers that one sensor sent lately, and what rules ask of them: average, extremes, rate, slope.
//
// A window of length d at the moment `now` has the samples that came after now - d, up to now. Times are those of receipt, so they come in
// order; two samples may have the same one.
//
//   avg min max sum count first last   as they say; stddev is that of the population
//   delta    how much a gauge changed, extrapolated to the ends of the window as Prometheus does
//   rate     increase per second of a counter, resets included, extrapolated as Prometheus does
//   deriv    slope of a gauge per second: least squares through all samples
//
// A window says nothing before it is covered, that is before its first sample is as old as it is long, unless there are `min_samples`; nor
// while there are too few samples for the function (one; two for delta, rate and deriv, and not all of one moment), nor if a double cannot
// hold the value. `count` of a covered window without samples is 0.
//
// Invariants
//  1. What a value is does not depend on samples that have left: nothing is ever subtracted, so no error builds up.
//  2. There are at most max_samples of them; for one more the oldest leaves before its time, which is counted.
//  3. Reading a value takes O(samples / 64).
//
// Pure. Thread: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/event.h"
#include "gateway/sample_ring.h"
#include "gateway/window_function.h"

namespace sluice {

class SampleWindow {
 public:
  /// REQUIRES: both are positive.
  SampleWindow(RunningTime duration, std::size_t max_samples);

  /// REQUIRES: `at` is not negative, and not before the sample added last; `value` is finite.
  void Add(RunningTime at, double value);
  /// Forgets what is too old at `now`.
  void Advance(RunningTime now);
  /// `now`: not before the last sample. `min_samples` 0: only a covered window says something.
  std::optional<double> Value(WindowFunction function, RunningTime now, std::size_t min_samples) const;

  RunningTime duration() const { return duration_; }
  /// When the oldest sample leaves; nothing if there is none.
  std::optional<RunningTime> NextChange() const;
  /// When it is covered; nothing before its first sample.
  std::optional<RunningTime> CoveredAt() const;
  /// The latest moment that it knows; nothing if it knows none. After Decode, one to come means that the clock has lost time since.
  std::optional<RunningTime> Latest() const;
  std::size_t size() const { return ring_.size(); }
  /// Samples that left before their time.
  std::uint64_t overflows() const { return overflows_; }
  /// As if nothing had ever been added.
  void Clear();

  /// Appends what is known to `out`, some 10 bytes a sample.
  void Encode(std::string& out) const;
  /// Takes what Encode wrote from the front of `in`. False: that is not what was written, or by a window of another length; the window is
  /// empty then.
  bool Decode(std::string_view& in);
  /// What it takes in memory beyond itself.
  std::size_t HeapBytes() const { return ring_.HeapBytes(); }

 private:
  static constexpr RunningTime kNever = RunningTime::max();

  /// REQUIRES: there is one.
  const Sample& Last() const { return ring_[ring_.end() - 1]; }
  /// The number of the first sample after `time`.
  std::uint64_t FirstAfter(RunningTime time) const;
  bool DecodeAll(std::string_view& in);
  bool DecodeSamples(std::string_view& in);

  RunningTime duration_;
  std::size_t max_samples_;
  RunningTime first_ = kNever;  // Also if that sample has left.
  std::uint64_t overflows_ = 0;
  SampleRing ring_;
};

}  // namespace sluice
