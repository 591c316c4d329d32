#include "gateway/window_function.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace sluice {
namespace {

constexpr std::array<std::pair<std::string_view, WindowFunction>, 11> kFunctions = {{
    {"avg", WindowFunction::kAvg},
    {"min", WindowFunction::kMin},
    {"max", WindowFunction::kMax},
    {"sum", WindowFunction::kSum},
    {"count", WindowFunction::kCount},
    {"first", WindowFunction::kFirst},
    {"last", WindowFunction::kLast},
    {"delta", WindowFunction::kDelta},
    {"rate", WindowFunction::kRate},
    {"deriv", WindowFunction::kDeriv},
    {"stddev", WindowFunction::kStddev},
}};

std::size_t FewestFor(WindowFunction function) {
  switch (function) {
    case WindowFunction::kCount:
      return 0;
    case WindowFunction::kDelta:
    case WindowFunction::kRate:
    case WindowFunction::kDeriv:
      return 2;
    default:
      return 1;
  }
}

double SecondsOf(RunningTime time) {
  return static_cast<double>(time.count()) / 1000;
}

double MeanOf(const SampleTotals& totals, std::uint64_t count) {
  const double mean = totals.sum / static_cast<double>(count);
  // A sensor that always says 0.1 is at 0.1 on the average, however the sum was rounded.
  return std::isfinite(mean) ? std::clamp(mean, totals.min, totals.max) : mean;
}

double DeviationOf(const SampleMoments& moments) {
  return std::sqrt(moments.values / moments.count);
}

double SlopeOf(const SampleMoments& moments) {
  return moments.times_values / moments.times * 1000;
}

}  // namespace

std::optional<WindowFunction> WindowFunctionOf(std::string_view name) {
  for (const auto& [known, function] : kFunctions) {
    if (known == name) return function;
  }
  return std::nullopt;
}

std::optional<double> WindowView::Value(WindowFunction function) const {
  if (count() < FewestFor(function)) return std::nullopt;
  const double value = Read(function);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// Infinite or not a number if there is no value.
double WindowView::Read(WindowFunction function) const {
  switch (function) {
    case WindowFunction::kAvg:
      return MeanOf(Totals(), count());
    case WindowFunction::kMin:
      return Totals().min;
    case WindowFunction::kMax:
      return Totals().max;
    case WindowFunction::kSum:
      return Totals().sum;
    case WindowFunction::kCount:
      return static_cast<double>(count());
    case WindowFunction::kFirst:
      return First().value;
    case WindowFunction::kLast:
      return Last().value;
    case WindowFunction::kDelta:
      return (Last().value - First().value) * Extrapolation(std::nullopt);
    case WindowFunction::kRate:
      return Rate();
    case WindowFunction::kDeriv:
      return SlopeOf(Moments());
    case WindowFunction::kStddev:
      return DeviationOf(Moments());
  }
  return 0;
}

double WindowView::Rate() const {
  const double first = First().value;
  const double increase = Last().value - first + Lost();
  // So much of the sampled time before the first sample the counter was 0, if it always rose like that. It was never below.
  const std::optional<double> to_zero = increase > 0 && first >= 0 ? std::optional(first / increase) : std::nullopt;
  return increase * Extrapolation(to_zero) / SecondsOf(duration_);
}

// A series goes on to an end of the window that is nearer than a further sample would have been; else, as nobody knows, half as far as
// that.
double WindowView::Extrapolation(std::optional<double> to_zero) const {
  const RunningTime first(First().at);
  const RunningTime last(Last().at);
  const double sampled = SecondsOf(last - first);
  const double between = sampled / static_cast<double>(count() - 1);
  const auto extended = [&](double to_end) { return to_end < 1.1 * between ? to_end : between / 2; };
  double before = extended(SecondsOf(first - (now_ - duration_)));
  if (to_zero) before = std::min(before, sampled * *to_zero);
  return (before + sampled + extended(SecondsOf(now_ - last))) / sampled;
}

SampleTotals WindowView::Totals() const {
  SampleTotals totals;
  for (std::uint64_t i = from_; i < ring_.end();) {
    const SampleRing::Piece piece = ring_.PieceAt(i);
    totals.Merge(piece.summary != nullptr ? piece.summary->totals : SampleTotals::Of(piece.samples));
    i += piece.samples.size();
  }
  return totals;
}

double WindowView::Lost() const {
  double lost = 0;
  double previous = First().value;
  for (std::uint64_t i = from_; i < ring_.end();) {
    const SampleRing::Piece piece = ring_.PieceAt(i);
    if (piece.samples.front().value < previous) lost += previous;
    lost += piece.summary != nullptr ? piece.summary->lost : LostIn(piece.samples);
    previous = piece.samples.back().value;
    i += piece.samples.size();
  }
  return lost;
}

SampleMoments WindowView::Moments() const {
  SampleMoments moments;
  for (std::uint64_t i = from_; i < ring_.end();) {
    const SampleRing::Piece piece = ring_.PieceAt(i);
    const auto later = static_cast<double>(piece.samples.front().at - First().at);
    moments.Merge(piece.summary != nullptr ? piece.summary->moments : SampleMoments::Of(piece.samples), later);
    i += piece.samples.size();
  }
  return moments;
}

}  // namespace sluice
