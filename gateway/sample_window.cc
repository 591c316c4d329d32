#include "gateway/sample_window.h"

#include <cassert>
#include <cmath>

#include "gateway/binary_number.h"

namespace sluice {
namespace {

constexpr char kVersion = 1;
// No box runs so long; sums with a duration stay in bounds.
constexpr std::uint64_t kLatestTime = INT64_MAX / 4;

}  // namespace

SampleWindow::SampleWindow(RunningTime duration, std::size_t max_samples) : duration_(duration), max_samples_(max_samples) {
  assert(duration.count() > 0 && max_samples > 0);
}

void SampleWindow::Add(RunningTime at, double value) {
  assert(std::isfinite(value) && at.count() >= 0 && (ring_.empty() || Last().at <= at.count()));
  Advance(at);
  if (ring_.size() == max_samples_) {
    ring_.ForgetBefore(ring_.begin() + 1);
    ++overflows_;
  }
  ring_.Add({at.count(), value});
  if (first_ == kNever) first_ = at;
}

void SampleWindow::Advance(RunningTime now) {
  std::uint64_t from = ring_.begin();
  while (from < ring_.end() && ring_[from].at <= (now - duration_).count()) ++from;
  if (from != ring_.begin()) ring_.ForgetBefore(from);
}

std::uint64_t SampleWindow::FirstAfter(RunningTime time) const {
  std::uint64_t low = ring_.begin();
  std::uint64_t high = ring_.end();
  if (low == high || ring_[low].at > time.count()) return low;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (ring_[middle].at > time.count())
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

std::optional<double> SampleWindow::Value(WindowFunction function, RunningTime now, std::size_t min_samples) const {
  const WindowView view(ring_, FirstAfter(now - duration_), duration_, now);
  const bool covered = now - first_ >= duration_;
  if (!covered && (min_samples == 0 || view.count() < min_samples)) return std::nullopt;
  return view.Value(function);
}

std::optional<RunningTime> SampleWindow::NextChange() const {
  if (ring_.empty()) return std::nullopt;
  return RunningTime(ring_[ring_.begin()].at) + duration_;
}

std::optional<RunningTime> SampleWindow::CoveredAt() const {
  return first_ == kNever ? std::nullopt : std::optional(first_ + duration_);
}

std::optional<RunningTime> SampleWindow::Latest() const {
  if (!ring_.empty()) return RunningTime(Last().at);
  return first_ == kNever ? std::nullopt : std::optional(first_);
}

void SampleWindow::Clear() {
  *this = SampleWindow(duration_, max_samples_);
}

// The version; how long the window is; 0, or when the first sample ever came, plus 1; if it did: how many there are, and of each the time
// since the one before (of the first: since the first ever), and the value.
void SampleWindow::Encode(std::string& out) const {
  out += kVersion;
  AppendVarint(out, static_cast<std::uint64_t>(duration_.count()));
  AppendVarint(out, first_ == kNever ? 0 : static_cast<std::uint64_t>(first_.count()) + 1);
  if (first_ == kNever) return;
  AppendVarint(out, ring_.size());
  std::int64_t previous = first_.count();
  for (std::uint64_t i = ring_.begin(); i < ring_.end(); ++i) {
    AppendVarint(out, static_cast<std::uint64_t>(ring_[i].at - previous));
    AppendDouble(out, ring_[i].value);
    previous = ring_[i].at;
  }
}

bool SampleWindow::Decode(std::string_view& in) {
  Clear();
  std::string_view rest = in;
  if (!DecodeAll(rest)) {
    Clear();
    return false;
  }
  in = rest;
  return true;
}

bool SampleWindow::DecodeAll(std::string_view& in) {
  if (in.empty() || in.front() != kVersion) return false;
  in.remove_prefix(1);
  if (TakeVarint(in) != static_cast<std::uint64_t>(duration_.count())) return false;
  const std::optional<std::uint64_t> first = TakeVarint(in);
  if (!first || *first > kLatestTime) return false;
  if (*first == 0) return true;
  first_ = RunningTime(*first - 1);
  return DecodeSamples(in);
}

bool SampleWindow::DecodeSamples(std::string_view& in) {
  const std::optional<std::uint64_t> count = TakeVarint(in);
  if (!count) return false;
  std::uint64_t at = static_cast<std::uint64_t>(first_.count());
  for (std::uint64_t i = 0; i < *count; ++i) {
    const std::optional<std::uint64_t> later = TakeVarint(in);
    if (!later || *later > kLatestTime - at) return false;
    at += *later;
    const std::optional<double> value = TakeDouble(in);
    if (!value || !std::isfinite(*value)) return false;
    Add(RunningTime(at), *value);
  }
  return true;
}

}  // namespace sluice
