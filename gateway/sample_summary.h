// What samples in a row come to, such that two rows that follow each other can be put together.
//
// Invariants
//  1. Only ever added to and merged: no sample is taken out again, so none leaves a rounding error behind.
//  2. Samples that are all the same have exactly that mean, and moments of exactly 0.
//
// Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
//
// Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

namespace sluice {

struct Sample {
  std::int64_t at = 0;  ///< Milliseconds.
  double value = 0;
};

struct SampleTotals {
  double sum = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();

  static SampleTotals Of(std::span<const Sample> samples);
  void Merge(const SampleTotals& other) {
    sum += other.sum;
    min = std::min(min, other.min);
    max = std::max(max, other.max);
  }
};

/// What a counter lost by resets: the values that smaller ones came right after.
double LostIn(std::span<const Sample> samples);

/// Means, and sums of products of the distances from them.
struct SampleMoments {
  double count = 0;
  double mean_time = 0;  ///< Milliseconds after the moment that the user knows: a double has no room for those since the beginning.
  double mean_value = 0;
  double times = 0;
  double values = 0;
  double times_values = 0;

  /// Times count from the first sample. REQUIRES: there is one.
  static SampleMoments Of(std::span<const Sample> samples);
  /// `next` counts its times from `later` milliseconds after ours.
  void Merge(const SampleMoments& next, double later);
};

struct SampleSummary {
  SampleTotals totals;
  double lost = 0;
  SampleMoments moments;
};

}  // namespace sluice
