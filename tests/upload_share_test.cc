#include "gateway/upload_share.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr UploadShare::Window kWindow{4'000, 8u << 20};
constexpr double kBurstSeconds = 0.25;

/// Lanes that send as the forwarder does: whenever the share lets them, and again when the delay that it named is over.
struct Uplink {
  UploadShare share;
  MonotonicTime now{std::chrono::hours(1)};
  std::vector<double> weights;
  std::vector<std::size_t> sent_events;
  std::vector<Bytes> sent_bytes;
  std::vector<MonotonicTime> next;

  Uplink(const UploadLimit& limit, const std::vector<double>& all) : share(kWindow, limit), weights(all) {
    for (double weight : weights) share.Add(weight);
    sent_events.resize(weights.size());
    sent_bytes.resize(weights.size());
    next.resize(weights.size());
  }
  void Wait(std::size_t lane, bool waiting = true) { share.SetWaiting(lane, waiting, now); }
  bool TrySend(std::size_t lane, std::size_t bytes) {
    const milliseconds delay = share.DelayOf(lane, now);
    next[lane] = now + delay;
    if (delay.count() > 0) return false;
    share.Spend(lane, bytes);
    ++sent_events[lane];
    sent_bytes[lane] += bytes;
    return true;
  }
  /// All of `lanes` have rows of `bytes` all the time.
  void Run(milliseconds time, const std::vector<std::size_t>& lanes, std::size_t bytes) {
    for (const MonotonicTime end = now + time; now < end; now += milliseconds(1)) {
      for (std::size_t lane : lanes) {
        while (next[lane] <= now && TrySend(lane, bytes)) {
        }
      }
    }
  }
  Bytes AllBytes() const {
    Bytes sum = 0;
    for (Bytes bytes : sent_bytes) sum += bytes;
    return sum;
  }
  std::size_t AllEvents() const {
    std::size_t sum = 0;
    for (std::size_t events : sent_events) sum += events;
    return sum;
  }
};

TEST_CASE("upload share: lanes that wait divide the window by their weights, and one that waits alone has it whole") {
  Uplink uplink({}, {8, 3, 1});
  for (std::size_t lane : {0, 1, 2}) uplink.Wait(lane);
  CHECK(uplink.share.WindowOf(0).bytes == doctest::Approx(kWindow.bytes * 8 / 12).epsilon(0.001));
  CHECK(uplink.share.WindowOf(1).events == 1'000);
  CHECK(uplink.share.WindowOf(2).bytes == doctest::Approx(kWindow.bytes / 12).epsilon(0.001));
  uplink.Wait(0, false);
  CHECK(uplink.share.WindowOf(1).events == 3'000);
  CHECK(uplink.share.WindowOf(2).events == 1'000);
  uplink.Wait(1, false);
  CHECK(uplink.share.WindowOf(2).events == kWindow.events);
  CHECK(uplink.share.WindowOf(2).bytes == kWindow.bytes);
  // One that begins to wait is given its part at once.
  CHECK(uplink.share.WindowOf(0).events == 3'555);
}

TEST_CASE("upload share: without a limit nothing is ever delayed") {
  Uplink uplink({}, {8, 3, 1});
  for (std::size_t lane : {0, 1, 2}) uplink.Wait(lane);
  CHECK_FALSE(uplink.share.HasLimit());
  for (int i = 0; i < 100'000; ++i) REQUIRE(uplink.TrySend(2, 1u << 20));
}

TEST_CASE("upload share: lanes that wait divide the limit in bytes 8:3:1, whatever the size of the rows") {
  for (const std::size_t row : {50u, 1'000u, 20'000u}) {
    CAPTURE(row);
    Uplink uplink({.events_per_s = 0, .bytes_per_s = 200u << 10}, {8, 3, 1});
    for (std::size_t lane : {0, 1, 2}) uplink.Wait(lane);
    uplink.Run(std::chrono::minutes(2), {0, 1, 2}, row);
    const double all = static_cast<double>(uplink.AllBytes());
    CHECK(all == doctest::Approx(120.0 * (200 << 10)).epsilon(0.02));
    CHECK(uplink.sent_bytes[0] / all == doctest::Approx(8.0 / 12).epsilon(0.05));
    CHECK(uplink.sent_bytes[1] / all == doctest::Approx(3.0 / 12).epsilon(0.05));
    CHECK(uplink.sent_bytes[2] / all == doctest::Approx(1.0 / 12).epsilon(0.1));
  }
}

TEST_CASE("upload share: lanes of unequal rows divide the limit by bytes, not by events") {
  Uplink uplink({.events_per_s = 0, .bytes_per_s = 100'000}, {1, 1});
  for (std::size_t lane : {0, 1}) uplink.Wait(lane);
  for (const MonotonicTime end = uplink.now + std::chrono::minutes(1); uplink.now < end; uplink.now += milliseconds(1)) {
    while (uplink.next[0] <= uplink.now && uplink.TrySend(0, 100)) {
    }
    while (uplink.next[1] <= uplink.now && uplink.TrySend(1, 10'000)) {
    }
  }
  CHECK(uplink.sent_bytes[0] / static_cast<double>(uplink.sent_bytes[1]) == doctest::Approx(1).epsilon(0.05));
}

TEST_CASE("upload share: a limit in events is divided as one in bytes, and the tighter of both holds") {
  Uplink uplink({.events_per_s = 120, .bytes_per_s = 1u << 20}, {8, 3, 1});
  for (std::size_t lane : {0, 1, 2}) uplink.Wait(lane);
  uplink.Run(std::chrono::minutes(1), {0, 1, 2}, 100);
  CHECK(uplink.AllEvents() <= 60 * 120 + 30 + 1);
  CHECK(uplink.sent_events[0] == doctest::Approx(60 * 80).epsilon(0.02));
  CHECK(uplink.sent_events[2] == doctest::Approx(60 * 10).epsilon(0.02));
}

TEST_CASE("upload share: a lane that waits alone is given the whole limit") {
  Uplink uplink({.events_per_s = 0, .bytes_per_s = 100'000}, {8, 3, 1});
  uplink.Wait(2);
  uplink.Run(std::chrono::minutes(1), {2}, 1'000);
  CHECK(static_cast<double>(uplink.sent_bytes[2]) == doctest::Approx(6e6).epsilon(0.01));
}

TEST_CASE("upload share: in a minute no more is sent than the limit, a quarter of a second's worth, and one row") {
  for (const Bytes rate : {1'000u, 30'000u, 1'000'000u, 50'000'000u}) {
    for (const std::size_t row : {64u, 5'000u, 1u << 20}) {
      CAPTURE(rate);
      CAPTURE(row);
      Uplink uplink({.events_per_s = 0, .bytes_per_s = rate}, {8, 3, 1});
      for (std::size_t lane : {0, 1, 2}) uplink.Wait(lane);
      uplink.Run(std::chrono::minutes(1), {0, 1, 2}, row);
      CHECK(static_cast<double>(uplink.AllBytes()) <= (60 + kBurstSeconds) * static_cast<double>(rate) + static_cast<double>(row));
      CHECK(uplink.AllBytes() >= std::min<Bytes>(rate * 59, row));
    }
  }
}

TEST_CASE("upload share: the limit holds over every stretch of time, also if lanes come and go") {
  constexpr double kRate = 100'000;
  constexpr std::size_t kRow = 500;
  Uplink uplink({.events_per_s = 0, .bytes_per_s = static_cast<Bytes>(kRate)}, {8, 3, 1});
  std::mt19937 random(1);
  std::vector<double> sent_until{0};  // By millisecond.
  std::vector<bool> waits(3, false);
  for (int ms = 0; ms < 60'000; ++ms) {
    // The lowest has a backlog; the higher ones have a few live rows now and then.
    for (std::size_t lane : {0, 1}) {
      if (random() % 40 == 0) waits[lane] = !waits[lane];
      uplink.Wait(lane, waits[lane]);
    }
    waits[2] = true;
    uplink.Wait(2);
    for (std::size_t lane : {2, 1, 0}) {
      while (waits[lane] && uplink.next[lane] <= uplink.now && uplink.TrySend(lane, kRow)) {
      }
    }
    uplink.now += milliseconds(1);
    sent_until.push_back(static_cast<double>(uplink.AllBytes()));
  }
  // sent(a, b] <= rate * (b - a) + burst: the highest of sent - rate * t after its lowest.
  double lowest = 0;
  double excess = 0;
  for (std::size_t ms = 0; ms < sent_until.size(); ++ms) {
    const double over = sent_until[ms] - kRate * static_cast<double>(ms) / 1000;
    excess = std::max(excess, over - lowest);
    lowest = std::min(lowest, over);
  }
  CHECK(excess <= kRate * (kBurstSeconds + 0.002) + kRow);
  CHECK(sent_until.back() > 0.99 * kRate * 60);
}

TEST_CASE("upload share: a higher lane with live rows keeps to the limit together with a backlog") {
  Uplink uplink({.events_per_s = 0, .bytes_per_s = 100'000}, {8, 1});
  uplink.Wait(1);
  for (int ms = 0; ms < 60'000; ++ms) {
    if (ms % 20 == 0) {  // 50 kB/s, each sent as it comes.
      uplink.Wait(0);
      uplink.Run(milliseconds(0), {0}, 1'000);
      (void)uplink.TrySend(0, 1'000);
      uplink.Wait(0, false);
    }
    uplink.Run(milliseconds(1), {1}, 1'000);
  }
  CHECK(static_cast<double>(uplink.AllBytes()) <= 100'000 * 60.25 + 2'000);
}

TEST_CASE("upload share: a lane that was idle for long has saved no more than its burst") {
  Uplink uplink({.events_per_s = 0, .bytes_per_s = 100'000}, {1, 1});
  uplink.now += std::chrono::hours(24);
  uplink.Wait(0);
  std::size_t sent = 0;
  while (uplink.TrySend(0, 100)) sent += 100;
  CHECK(sent <= 25'000 + 100);
  CHECK(sent > 0);
}

TEST_CASE("upload share: a row larger than the burst is sent, and paid for before the next") {
  Uplink uplink({.events_per_s = 0, .bytes_per_s = 1'000}, {1});
  uplink.Wait(0);
  CHECK(uplink.TrySend(0, 100'000));
  uplink.Run(std::chrono::seconds(99), {0}, 100'000);
  CHECK(uplink.sent_events[0] == 1);
  uplink.Run(std::chrono::seconds(2), {0}, 100'000);
  CHECK(uplink.sent_events[0] == 2);
}

TEST_CASE("upload share: a lane that begins to wait beside a backlog sends within moments, and then has its part") {
  Uplink uplink({.events_per_s = 0, .bytes_per_s = 100'000}, {8, 1});
  uplink.Wait(1);
  uplink.Run(std::chrono::minutes(1), {1}, 500);
  uplink.Wait(0);
  uplink.Run(milliseconds(50), {1, 0}, 500);
  CHECK(uplink.sent_events[0] > 0);
  uplink.sent_bytes = {0, 0};
  uplink.Run(std::chrono::minutes(1), {1, 0}, 500);
  CHECK(uplink.sent_bytes[0] / static_cast<double>(uplink.sent_bytes[1]) == doctest::Approx(8).epsilon(0.05));
}

}  // namespace
}  // namespace sluice
