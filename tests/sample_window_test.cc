#include "gateway/sample_window.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using F = WindowFunction;

constexpr std::array kAll = {F::kAvg,  F::kMin,   F::kMax,  F::kSum,   F::kCount, F::kFirst,
                             F::kLast, F::kDelta, F::kRate, F::kDeriv, F::kStddev};
constexpr std::size_t kMany = 1'000'000;

// Most sensors have few samples; what is around them must not weigh more.
static_assert(sizeof(SampleWindow) <= 96);

/// A number, and how large the numbers were that it was reckoned from.
struct Expected {
  long double value;
  long double scale;
};

/// A window that keeps all its samples and reckons everything anew, with more digits.
class Model {
 public:
  Model(RunningTime duration, std::size_t max_samples) : duration_(duration.count()), max_samples_(max_samples) {}

  void Add(RunningTime at, double value) {
    Advance(at);
    if (samples_.size() == max_samples_) samples_.pop_front();
    samples_.push_back({at.count(), value});
    if (!first_) first_ = at.count();
  }
  void Advance(RunningTime now) {
    while (!samples_.empty() && samples_.front().at <= now.count() - duration_) samples_.pop_front();
  }
  const std::deque<Sample>& samples() const { return samples_; }

  /// After Advance(now).
  std::optional<Expected> Value(F function, RunningTime now, std::size_t min_samples) const {
    const std::size_t n = samples_.size();
    const bool covered = first_ && now.count() - *first_ >= duration_;
    if (!covered && (min_samples == 0 || n < min_samples)) return std::nullopt;
    if (function == F::kCount) return Expected{static_cast<long double>(n), 0};
    if (n == 0) return std::nullopt;
    if (function == F::kFirst) return Expected{samples_.front().value, 0};
    if (function == F::kLast) return Expected{samples_.back().value, 0};
    if (function == F::kDelta || function == F::kRate) return Change(function == F::kRate, now.count());
    if (function == F::kDeriv || function == F::kStddev) return Moments(function);
    return Totals(function);
  }

 private:
  Expected Totals(F function) const {
    Expected sum{0, 0};
    for (const Sample& s : samples_) sum = {sum.value + s.value, sum.scale + std::fabs(s.value)};
    const auto less = [](const Sample& a, const Sample& b) { return a.value < b.value; };
    const auto n = static_cast<long double>(samples_.size());
    if (function == F::kMin) return {std::min_element(samples_.begin(), samples_.end(), less)->value, 0};
    if (function == F::kMax) return {std::max_element(samples_.begin(), samples_.end(), less)->value, 0};
    return function == F::kSum ? sum : Expected{sum.value / n, sum.scale / n};
  }
  // As Prometheus writes it.
  std::optional<Expected> Change(bool rate, std::int64_t now) const {
    const Sample& first = samples_.front();
    const Sample& last = samples_.back();
    if (first.at == last.at) return std::nullopt;
    long double result = static_cast<long double>(last.value) - first.value;
    long double scale = std::fabs(last.value) + std::fabs(first.value);
    for (std::size_t i = 1; rate && i < samples_.size(); ++i) {
      if (samples_[i].value >= samples_[i - 1].value) continue;
      result += samples_[i - 1].value;
      scale += std::fabs(samples_[i - 1].value);
    }
    double to_start = static_cast<double>(first.at - (now - duration_)) / 1000;
    double to_end = static_cast<double>(now - last.at) / 1000;
    const double sampled = static_cast<double>(last.at - first.at) / 1000;
    const double average = sampled / static_cast<double>(samples_.size() - 1);
    if (to_start >= average * 1.1) to_start = average / 2;
    if (to_end >= average * 1.1) to_end = average / 2;
    if (rate && result > 0 && first.value >= 0) to_start = std::min(to_start, static_cast<double>(sampled * (first.value / result)));
    long double factor = (static_cast<long double>(sampled) + to_start + to_end) / sampled;
    if (rate) factor /= static_cast<long double>(duration_) / 1000;
    return Expected{result * factor, scale * factor};
  }
  long double SecondsInto(const Sample& s) const { return static_cast<long double>(s.at - samples_.front().at) / 1000; }
  std::optional<Expected> Moments(F function) const {
    const auto n = static_cast<long double>(samples_.size());
    long double time = 0;
    long double value = 0;
    long double largest = 0;
    for (const Sample& s : samples_) {
      time += SecondsInto(s) / n;
      value += s.value / n;
      largest = std::max(largest, std::fabs(static_cast<long double>(s.value)));
    }
    long double times = 0;
    long double values = 0;
    long double both = 0;
    for (const Sample& s : samples_) {
      const long double from_time = SecondsInto(s) - time;
      times += from_time * from_time;
      values += (s.value - value) * (s.value - value);
      both += from_time * (s.value - value);
    }
    const long double scale = std::sqrt(values / n) + largest * 1e-4L;
    if (function == F::kStddev) return Expected{std::sqrt(values / n), scale};
    if (samples_.front().at == samples_.back().at) return std::nullopt;
    return Expected{both / times, scale / std::sqrt(times / n)};
  }

  const std::int64_t duration_;
  const std::size_t max_samples_;
  std::optional<std::int64_t> first_;
  std::deque<Sample> samples_;
};

void RequireSame(const SampleWindow& window, Model model, RunningTime now, std::size_t min_samples) {
  model.Advance(now);
  for (F function : kAll) {
    CAPTURE(static_cast<int>(function));
    const std::optional<double> value = window.Value(function, now, min_samples);
    const std::optional<Expected> expected = model.Value(function, now, min_samples);
    REQUIRE(value.has_value() == expected.has_value());
    if (!value) continue;
    CAPTURE(*value);
    REQUIRE(static_cast<double>(std::fabs(*value - expected->value)) <= static_cast<double>(1e-9L * expected->scale));
  }
}

/// Samples as sensors send them, and worse.
class Stream {
 public:
  explicit Stream(std::uint32_t seed) : random_(seed), kind_(seed % 4), level_(kind_ == 1 ? 0 : 1'000'000.0 * (seed % 3)) {}

  RunningTime Step(RunningTime duration) {
    if (Chance(10'000)) now_ += duration * static_cast<int>(random_() % 3);
    if (Chance(100)) burst_ = random_() % 50;
    if (burst_ > 0)
      --burst_;
    else
      now_ += RunningTime(random_() % 200);
    return now_;
  }
  double Value(bool spikes) {
    if (kind_ != 1 && spikes && Chance(300)) return Chance(2) ? 1e16 : -1e16;
    switch (kind_) {
      case 0:  // A gauge.
        return level_ + std::normal_distribution<double>(0, 10)(random_);
      case 1:  // A counter.
        level_ = Chance(40) ? static_cast<double>(random_() % 10) : level_ + static_cast<double>(random_() % 100) / 7;
        return level_;
      case 2:  // One that wanders.
        level_ += std::normal_distribution<double>(0, 1)(random_);
        return level_;
      default:  // One that hardly ever changes.
        if (Chance(30)) level_ += 0.1;
        return level_;
    }
  }
  bool Chance(std::uint32_t one_in) { return random_() % one_in == 0; }

 private:
  std::mt19937 random_;
  const std::uint32_t kind_;
  double level_;
  std::uint32_t burst_ = 0;
  RunningTime now_{400'000'000'000};  // Twelve years.
};

TEST_CASE("window: says what all its samples say, however many, in whatever bursts, after whatever spikes") {
  std::uint32_t seed = 0;
  for (const int size : {1, 3, 30, 64, 129, 200, 1'000, 5'000}) {
    for (int i = 0; i < 8; ++i) {
      ++seed;
      CAPTURE(seed);
      CAPTURE(size);
      Stream stream(seed);
      const RunningTime duration(size * 100);  // The mean step is a little shorter.
      const std::size_t max_samples = i < 6 ? kMany : static_cast<std::size_t>(size / 2 + 1);
      SampleWindow window(duration, max_samples);
      Model model(duration, max_samples);
      const int steps = 6 * size + 2'000;
      for (int step = 0; step < steps; ++step) {
        const RunningTime now = stream.Step(duration);
        const double value = stream.Value(step < steps / 4);
        window.Add(now, value);
        model.Add(now, value);
        if (!stream.Chance(static_cast<std::uint32_t>(2 + size / 32))) continue;
        const RunningTime later = now + (stream.Chance(2) ? 0ms : duration / (stream.Chance(2) ? 50 : 2));
        RequireSame(window, model, later, stream.Chance(4) ? 2 : 0);
        REQUIRE(model.samples().size() == window.size());
      }
    }
  }
}

TEST_CASE("window: the names of functions are known, and no others") {
  CHECK(WindowFunctionOf("avg") == F::kAvg);
  CHECK(WindowFunctionOf("stddev") == F::kStddev);
  CHECK(WindowFunctionOf("rate") == F::kRate);
  CHECK_FALSE(WindowFunctionOf("AVG"));
  CHECK_FALSE(WindowFunctionOf(""));
  CHECK_FALSE(WindowFunctionOf("average"));
}

TEST_CASE("window: a sample leaves when it is as old as the window is long, not before") {
  SampleWindow window(10s, kMany);
  window.Add(1s, 5);
  window.Add(4s, 7);
  CHECK(window.NextChange() == 11s);
  CHECK(window.Value(F::kCount, 10'999ms, 1) == 2);
  CHECK(window.Value(F::kCount, 11s, 1) == 1);
  CHECK(window.Value(F::kSum, 11s, 0) == 7);
  CHECK(window.size() == 2);
  window.Advance(11s);
  CHECK(window.size() == 1);
  CHECK(window.NextChange() == 14s);
  window.Advance(14s);
  CHECK(window.size() == 0);
  CHECK_FALSE(window.NextChange());
}

TEST_CASE("window: samples of the same moment stay in their order") {
  SampleWindow window(10s, kMany);
  for (const double value : {3.0, 1.0, 2.0}) window.Add(1s, value);
  CHECK(window.Value(F::kFirst, 1s, 1) == 3);
  CHECK(window.Value(F::kLast, 1s, 1) == 2);
  CHECK(window.Value(F::kCount, 1s, 1) == 3);
  window.Advance(11s);
  CHECK(window.size() == 0);
}

TEST_CASE("window: says nothing before it is covered, and stays covered when its samples have left") {
  SampleWindow window(10s, kMany);
  CHECK_FALSE(window.Value(F::kCount, 1'000s, 0));
  CHECK_FALSE(window.Latest());
  window.Add(1'000s, 1);
  window.Add(1'005s, 3);
  CHECK_FALSE(window.Value(F::kAvg, 1'009'999ms, 0));
  CHECK(window.Value(F::kAvg, 1'010s, 0) == 3);
  CHECK(window.Latest() == 1'005s);
  window.Advance(1'100s);
  CHECK(window.Value(F::kCount, 1'100s, 0) == 0);
  CHECK_FALSE(window.Value(F::kAvg, 1'100s, 0));
  CHECK_FALSE(window.Value(F::kSum, 1'100s, 0));
  CHECK(window.Latest() == 1'000s);
  window.Add(1'100s, 4);
  CHECK(window.Value(F::kAvg, 1'100s, 0) == 4);
  window.Clear();
  window.Add(1'101s, 4);
  CHECK_FALSE(window.Value(F::kAvg, 1'101s, 0));
}

TEST_CASE("window: with min_samples so many are enough, and a covered window needs none") {
  SampleWindow window(10s, kMany);
  window.Add(1s, 1);
  window.Add(2s, 3);
  CHECK_FALSE(window.Value(F::kAvg, 2s, 3));
  CHECK_FALSE(window.Value(F::kCount, 2s, 3));
  CHECK(window.Value(F::kAvg, 2s, 2) == 2);
  CHECK(window.Value(F::kAvg, 11s, 3) == 3);
}

TEST_CASE("window: delta, rate and deriv need two samples of different moments") {
  SampleWindow window(10s, kMany);
  for (int i = 0; i < 3; ++i) {
    window.Add(5s, i);
    for (F function : {F::kDelta, F::kRate, F::kDeriv}) CHECK_FALSE(window.Value(function, 5s, 1));
    CHECK(window.Value(F::kStddev, 5s, 1));
  }
  for (int i = 0; i < 300; ++i) window.Add(5s, i);
  for (F function : {F::kDelta, F::kRate, F::kDeriv}) CHECK_FALSE(window.Value(function, 6s, 1));
  window.Add(6s, 1);
  for (F function : {F::kDelta, F::kRate, F::kDeriv}) CHECK(window.Value(function, 6s, 1));
}

/// A window of a minute, `values` 10 s apart from `first` on.
SampleWindow Minute(RunningTime first, const std::vector<double>& values) {
  SampleWindow window(60s, kMany);
  window.Add(0s, 7);  // Has left at 60 s.
  for (std::size_t i = 0; i < values.size(); ++i) window.Add(first + i * 10s, values[i]);
  return window;
}

double At65(const SampleWindow& window, F function) {
  return window.Value(function, 65s, 0).value_or(-1e9);
}

TEST_CASE("window: delta and rate go on to ends of the window that are near, as Prometheus' do") {
  // 50 s are sampled, and 5 s lie before and after: 60 / 50 of the change.
  SampleWindow window = Minute(10s, {100, 110, 120, 130, 140, 150});
  CHECK(At65(window, F::kDelta) == doctest::Approx(60));
  CHECK(At65(window, F::kRate) == doctest::Approx(1));
  window = Minute(10s, {150, 140, 130, 120, 110, 100});
  CHECK(At65(window, F::kDelta) == doctest::Approx(-60));
}

TEST_CASE("window: a rate counts on over resets, a delta does not") {
  // 65 - 100, and 120 were lost: 85; times 60 / 50.
  SampleWindow window = Minute(10s, {100, 120, 5, 25, 45, 65});
  CHECK(At65(window, F::kRate) == doctest::Approx(102.0 / 60));
  CHECK(At65(window, F::kDelta) == doctest::Approx(-42));
  // Lost 120, 30 and 9.
  window = Minute(10s, {100, 120, 30, 9, 3, 13});
  CHECK(At65(window, F::kRate) == doctest::Approx((13 - 100 + 120 + 30 + 9) * 1.2 / 60));
}

TEST_CASE("window: half a step is added at an end of the window that is far away") {
  // 20 s are sampled, the ends are 15 s and 25 s away: 5 s each are added.
  const SampleWindow window = Minute(20s, {100, 110, 120});
  CHECK(At65(window, F::kDelta) == doctest::Approx(30));
  CHECK(At65(window, F::kRate) == doctest::Approx(0.5));
  // 1.1 steps are far, a little less is near.
  const SampleWindow even = Minute(10s, {0, 10, 20, 30, 40, 50});
  CHECK(even.Value(F::kDelta, 69s, 0) == doctest::Approx(50 * 60.0 / 50));
  CHECK(even.Value(F::kDelta, 71s, 0) == doctest::Approx(40 * (9 + 40 + 5) / 40.0));
}

TEST_CASE("window: a rate does not go back to before the counter was 0") {
  // It was 0 2 s before the first sample.
  CHECK(At65(Minute(10s, {2, 12, 22, 32, 42, 52}), F::kRate) == doctest::Approx(50 * 57.0 / 50 / 60));
  CHECK(At65(Minute(10s, {2, 12, 22, 32, 42, 52}), F::kDelta) == doctest::Approx(60));
  CHECK(At65(Minute(10s, {0, 10, 20, 30, 40, 50}), F::kRate) == doctest::Approx(55.0 / 60));
  // Far from the start: half a step, or to 0 if that is less.
  CHECK(At65(Minute(20s, {4, 14, 24}), F::kRate) == doctest::Approx(29.0 / 60));
  CHECK(At65(Minute(20s, {8, 18, 28}), F::kRate) == doctest::Approx(30.0 / 60));
  // What is below 0 is no counter, but Prometheus does not mind.
  CHECK(At65(Minute(10s, {-2, 8, 18, 28, 38, 48}), F::kRate) == doctest::Approx(1));
  CHECK(At65(Minute(10s, {5, 5, 5, 5, 5, 5}), F::kRate) == 0);
}

TEST_CASE("window: deriv is the slope of the line through all samples, stddev that of the population") {
  SampleWindow window(60s, kMany);
  const std::array<double, 4> values{1, 3, 2, 6};
  for (std::size_t i = 0; i < values.size(); ++i) window.Add(i * 10s, values[i]);
  CHECK(window.Value(F::kDeriv, 40s, 1) == doctest::Approx(70.0 / 500));  // Distances from 15 s and 3.
  SampleWindow other(60s, kMany);
  for (const double value : {2, 4, 4, 4, 5, 5, 7, 9}) other.Add(1s, value);
  CHECK(other.Value(F::kStddev, 40s, 1) == doctest::Approx(2));
}

TEST_CASE("window: a sensor that always says the same has that average, no slope and no deviation, exactly") {
  for (const double value : {0.1, 80.1, -1e-300, 1e15 + 0.3}) {
    SampleWindow window(500s, kMany);
    for (int i = 0; i < 1'000; ++i) window.Add(RunningTime(i * 777), value);
    const RunningTime now(999 * 777);
    CHECK(window.Value(F::kAvg, now, 0) == value);
    CHECK(window.Value(F::kStddev, now, 0) == 0);
    CHECK(window.Value(F::kDeriv, now, 0) == 0);
    CHECK(window.Value(F::kDelta, now, 0) == 0);
    CHECK(window.Value(F::kRate, now, 0) == 0);
  }
}

TEST_CASE("window: a spike that has left leaves no trace") {
  for (const int size : {10, 1'000}) {
    SampleWindow spiked(size * 1s, kMany);
    SampleWindow calm(size * 1s, kMany);
    for (int i = 0; i < 10 * size; ++i) {
      const double value = i % 7 * 0.1;
      const bool spike = i < 8 * size && i % 5 == 0;
      spiked.Add(i * 1s, spike ? 1e16 : value);
      calm.Add(i * 1s, value);
    }
    for (F function : kAll) CHECK(spiked.Value(function, 10 * size * 1s, 0) == calm.Value(function, 10 * size * 1s, 0));
  }
}

TEST_CASE("window: what a double cannot hold is not said, and forgotten when it has left") {
  SampleWindow window(10s, kMany);
  window.Add(1s, 1.5e308);
  window.Add(2s, 1.5e308);
  CHECK_FALSE(window.Value(F::kSum, 2s, 1));
  CHECK_FALSE(window.Value(F::kAvg, 2s, 1));
  CHECK(window.Value(F::kMax, 2s, 1) == 1.5e308);
  CHECK(window.Value(F::kStddev, 2s, 1) == 0);
  window.Add(12s, 3);
  CHECK(window.Value(F::kSum, 12s, 0) == 3);
}

TEST_CASE("window: the oldest leaves for one too many, is counted, and the window stays as covered as it was") {
  SampleWindow window(1'000s, 100);
  for (int i = 0; i < 1'000; ++i) {
    window.Add(i * 1s, i);
    REQUIRE_FALSE(window.Value(F::kCount, i * 1s, 0));
  }
  CHECK(window.size() == 100);
  CHECK(window.overflows() == 900);
  CHECK(window.Value(F::kFirst, 1'000s, 0) == 900);
  CHECK(window.NextChange() == 1'900s);
  // One that leaves in time is not counted.
  window.Add(1'900s, 1);
  CHECK(window.overflows() == 900);
  window.Clear();
  CHECK(window.overflows() == 0);
}

TEST_CASE("window: memory follows the samples up and down") {
  SampleWindow window(30s, kMany);
  CHECK(window.HeapBytes() == 0);
  for (int i = 0; i < 100; ++i) window.Add(i * 1s, i);
  CHECK(window.size() == 30);
  CHECK(window.HeapBytes() == 32 * sizeof(Sample));
  for (int i = 0; i < 8'192; ++i) window.Add(100s, i);
  CHECK(window.HeapBytes() <= 16'384 * 17.5);
  const std::size_t large = window.HeapBytes();
  for (int i = 0; i < 30; ++i) window.Add(130s + i * 1s, i);
  CHECK(window.HeapBytes() < large / 100);
  window.Advance(1'000s);
  CHECK(window.HeapBytes() <= 64);
}

std::string Encoded(const SampleWindow& window) {
  std::string out;
  window.Encode(out);
  return out;
}

bool Decode(SampleWindow& window, std::string_view bytes) {
  return window.Decode(bytes);
}

TEST_CASE("window: decoded, it says what it said, and what follows is left for others") {
  for (const std::uint32_t seed : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u}) {
    CAPTURE(seed);
    Stream stream(seed);
    const RunningTime duration(seed % 2 == 0 ? 2'000 : 100'000);
    SampleWindow window(duration, kMany);
    Model model(duration, kMany);
    RunningTime now{0};
    for (int i = 0; i < 3'000; ++i) {
      now = stream.Step(duration);
      const double value = stream.Value(i < 1'000);
      window.Add(now, value);
      model.Add(now, value);
    }
    const std::string bytes = Encoded(window);
    CHECK(bytes.size() <= 32 + 10 * window.size());
    const std::string more = bytes + "more";
    std::string_view in = more;
    SampleWindow other(duration, kMany);
    other.Add(1s, 1);
    REQUIRE(other.Decode(in));
    CHECK(in == "more");
    CHECK(Encoded(other) == bytes);
    CHECK(other.Latest() == window.Latest());
    RequireSame(other, model, now, 0);
    RequireSame(other, model, now + duration / 3, 2);
  }
}

TEST_CASE("window: decoded, it is as covered as it was, with and without samples") {
  SampleWindow window(10s, kMany);
  SampleWindow other(10s, kMany);
  REQUIRE(Decode(other, Encoded(window)));
  CHECK_FALSE(other.Value(F::kCount, 1'000s, 0));
  CHECK_FALSE(other.Latest());
  window.Add(0s, 1);
  window.Add(5s, 1);
  REQUIRE(Decode(other, Encoded(window)));
  CHECK_FALSE(other.Value(F::kCount, 9s, 0));
  CHECK(other.Value(F::kCount, 10s, 0) == 1);
  window.Advance(100s);
  REQUIRE(Decode(other, Encoded(window)));
  CHECK(other.size() == 0);
  CHECK(other.Value(F::kCount, 100s, 0) == 0);
}

TEST_CASE("window: decoded with more samples than it may have, it keeps the newest") {
  SampleWindow window(1'000s, kMany);
  for (int i = 0; i < 500; ++i) window.Add(i * 1s, i);
  SampleWindow other(1'000s, 100);
  REQUIRE(Decode(other, Encoded(window)));
  CHECK(other.size() == 100);
  CHECK(other.Value(F::kFirst, 1'000s, 0) == 400);
  CHECK_FALSE(other.Value(F::kFirst, 999s, 0));
}

TEST_CASE("window: what is not its own is refused, and leaves it empty") {
  SampleWindow window(10s, kMany);
  for (int i = 0; i < 5; ++i) window.Add(i * 1s, 1.5);
  const std::string bytes = Encoded(window);
  const auto refuses = [](const std::string& in, RunningTime duration) {
    SampleWindow other(duration, kMany);
    other.Add(1s, 1);
    std::string_view rest = in;
    return !other.Decode(rest) && other.size() == 0 && !other.Latest() && rest == in;
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(refuses(bytes.substr(0, size), 10s));
  CHECK(refuses(bytes, 11s));
  CHECK(refuses("\x02" + bytes.substr(1), 10s));
  const std::string infinite("\0\0\0\0\0\0\xf0\x7f", 8);
  CHECK(refuses(bytes.substr(0, bytes.size() - 8) + infinite, 10s));
  // A first sample, or one after it, later than ever; a count of samples that nobody has; a number that does not end.
  const std::string head = bytes.substr(0, 3);
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
  const std::string value(8, '\0');
  REQUIRE_FALSE(refuses(head + "\x01\x01\x01" + value, 10s));
  CHECK(refuses(head + huge + "\x01\x01" + value, 10s));
  CHECK(refuses(head + "\x01\x01" + huge + value, 10s));
  CHECK(refuses(head + "\x01" + huge + "\x01" + value, 10s));
  CHECK(refuses(head + std::string(100, '\xff'), 10s));
}

TEST_CASE("window: damaged bytes are refused or make a window that works") {
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    SampleWindow window(10s, 200);
    for (std::uint32_t i = random() % 40; i > 0; --i) window.Add((40 - i) / 3 * 1s, i);
    std::string bytes = Encoded(window);
    for (std::uint32_t i = random() % 4 + 1; i > 0; --i) {
      const std::size_t at = random() % bytes.size();
      if (random() % 3 == 0)
        bytes.insert(at, 1, static_cast<char>(random()));
      else
        bytes[at] = static_cast<char>(random());
    }
    std::string_view in = bytes;
    SampleWindow other(10s, 20);
    if (!other.Decode(in)) {
      REQUIRE(other.size() == 0);
      continue;
    }
    REQUIRE(other.size() <= 20);
    const RunningTime now = other.Latest().value_or(0ms);
    for (F function : kAll) {
      const std::optional<double> value = other.Value(function, now, 1);
      REQUIRE((!value || std::isfinite(*value)));
    }
    SampleWindow again(10s, 20);
    REQUIRE(Decode(again, Encoded(other)));
    other.Add(now + 1s, 1);
    REQUIRE(other.NextChange().has_value());
  }
}

TEST_CASE("window: noise is refused or makes a window that works") {
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 4 == 0 ? random() % 3 : random());
    SampleWindow window(1ms, 20);
    bytes.insert(0, "\x01\x01");
    std::string_view in = bytes;
    const bool decoded = window.Decode(in);
    REQUIRE((decoded || window.size() == 0));
    window.Add(window.Latest().value_or(0ms), 1);
    REQUIRE(window.size() >= 1);
  }
}

}  // namespace
}  // namespace sluice
