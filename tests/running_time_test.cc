#include "gateway/running_time.h"

#include <doctest/doctest.h>

#include <random>

namespace sluice {
namespace {

using namespace std::chrono_literals;

ClockReading At(std::uint64_t boot, std::chrono::nanoseconds since_boot, std::chrono::nanoseconds wall, bool synchronized) {
  return {WallTime(wall), {boot, since_boot}, synchronized};
}

TEST_CASE("running time: of a new outbox begins at 0 and goes with the clock of the boot") {
  RunningClock clock({}, At(1, 500s, 1'000'000s, true));
  CHECK(clock.Advance(At(1, 500s, 1'000'000s, true)) == 0s);
  CHECK(clock.Advance(At(1, 507s, 1'000'007s, true)) == 7s);
}

TEST_CASE("running time: jumps of the wall clock do not matter") {
  RunningClock clock({}, At(1, 0s, 1'000'000s, true));
  CHECK(clock.Advance(At(1, 10s, 9'000'000s, true)) == 10s);
  CHECK(clock.Advance(At(1, 20s, 5s, false)) == 20s);
  CHECK(clock.Advance(At(1, 30s, 2'000'000s, true)) == 30s);
}

TEST_CASE("running time: a restart within one boot counts the time between") {
  const ClockKept kept{40s, At(1, 100s, 1'000s, false)};
  RunningClock clock(kept, At(1, 160s, 70'000s, false));
  CHECK(clock.Advance(At(1, 161s, 70'001s, false)) == 101s);
  // And only once, also if the clock is set later.
  CHECK(clock.Advance(At(1, 162s, 80'000s, true)) == 102s);
}

TEST_CASE("running time: time without power counts if the clock was right before and after") {
  const ClockKept kept{40s, At(1, 100s, 1'000s, true)};
  RunningClock clock(kept, At(2, 30s, 5'000s, true));
  // 4,000 s from the last transaction to now, the first 30 s of the boot among them.
  CHECK(clock.Advance(At(2, 30s, 5'000s, true)) == 4'040s);
  CHECK(clock.Advance(At(2, 35s, 5'005s, true)) == 4'045s);
}

TEST_CASE("running time: time without power is added when the clock becomes right later in the boot") {
  const ClockKept kept{40s, At(1, 100s, 1'000s, true)};
  RunningClock clock(kept, At(2, 30s, 7s, false));
  CHECK(clock.Advance(At(2, 40s, 17s, false)) == 50s);
  CHECK(clock.Advance(At(2, 50s, 5'020s, true)) == 4'060s);
  CHECK(clock.Advance(At(2, 60s, 5'030s, true)) == 4'070s);
  // Lost again, found again, a jump: nothing is added twice.
  CHECK(clock.Advance(At(2, 70s, 5'040s, false)) == 4'080s);
  CHECK(clock.Advance(At(2, 80s, 9'999s, true)) == 4'090s);
}

TEST_CASE("running time: time without power does not count if the clock was not right before") {
  const ClockKept kept{40s, At(1, 100s, 1'000s, false)};
  RunningClock clock(kept, At(2, 30s, 5'000s, true));
  CHECK(clock.Advance(At(2, 31s, 5'001s, true)) == 41s);
}

TEST_CASE("running time: time without power does not count while the clock is not right after") {
  const ClockKept kept{40s, At(1, 100s, 1'000s, true)};
  RunningClock clock(kept, At(2, 30s, 5'000s, false));
  CHECK(clock.Advance(At(2, 130s, 5'100s, false)) == 140s);
}

TEST_CASE("running time: a wall clock that says less than before the power cut adds nothing") {
  const ClockKept kept{40s, At(1, 100s, 1'000s, true)};
  RunningClock clock(kept, At(2, 30s, 500s, true));
  CHECK(clock.Advance(At(2, 30s, 500s, true)) == 40s);
}

TEST_CASE("running time: never goes back, whatever the clocks say, over restarts and boots") {
  std::mt19937_64 random(3);
  ClockKept kept;
  ClockReading now = At(1, 10s, 0s, false);
  for (int run = 0; run < 300; ++run) {
    if (random() % 2 == 0) now.boot = {now.boot.boot + 1, std::chrono::seconds(random() % 50)};
    RunningClock clock(kept, now);
    for (int step = 0; step < 20; ++step) {
      now.boot.since_boot += std::chrono::milliseconds(random() % 100'000);
      now.wall = WallTime(std::chrono::seconds(random() % 2'000'000'000));
      now.synchronized = random() % 2 == 0;
      const RunningTime running = clock.Advance(now);
      REQUIRE(running >= kept.running);
      kept = {running, now};
    }
  }
}

Event Received(WallTime wall, std::chrono::nanoseconds since_boot) {
  Event event;
  event.received = wall;
  event.since_boot = since_boot;
  return event;
}

TEST_CASE("time of an event: what came while the clock was right is not marked, however long it waited") {
  const Event event = Received(WallTime(1'000s), 100s);
  CHECK(BootTimeOf(event, At(1, 100s, 1'000s, true)) == std::nullopt);
  CHECK(BootTimeOf(event, At(1, 3'700s, 4'600s, true)) == std::nullopt);
  // The two clocks are not read in the same instant, and one of them may be made to drift.
  CHECK(BootTimeOf(event, At(1, 101s, 1'001s + 90ms, true)) == std::nullopt);
  CHECK(BootTimeOf(event, At(1, 101s, 1'001s - 90ms, true)) == std::nullopt);
}

TEST_CASE("time of an event: what came while the clock was not right bears the moment on the clock of the boot") {
  CHECK(BootTimeOf(Received(WallTime(8s), 98s), At(7, 100s, 10s, false)) == BootTime{7, 98s});
}

TEST_CASE("time of an event: what came before the clock was set bears the moment on the clock of the boot, though the clock is right now") {
  const Event event = Received(WallTime(8s), 98s);
  SUBCASE("set forward") {
    CHECK(BootTimeOf(event, At(7, 100s, 1'700'000'000s, true)) == BootTime{7, 98s});
  }
  SUBCASE("set back") {
    CHECK(BootTimeOf(event, At(7, 100s, 5s, true)) == BootTime{7, 98s});
  }
  SUBCASE("by as little as a time service sets it") {
    CHECK(BootTimeOf(event, At(7, 100s, 10s + 128ms, true)) == BootTime{7, 98s});
  }
}

Row Unsynchronized(const BootTime& at) {
  Row row;
  row.unsynchronized = at;
  row.event.received = WallTime(8s);
  return row;
}

TEST_CASE("time of an event: corrected if the clock became right later in the same boot") {
  Row row = Unsynchronized({7, 98s});
  CorrectTime(row, At(7, 1'098s, 1'700'001'000s, true));
  CHECK(row.time_quality == TimeQuality::kCorrected);
  CHECK(row.event.received == WallTime(1'700'000'000s));
}

TEST_CASE("time of an event: left as it is, and marked, if the clock is not right yet, or only in another boot") {
  Row row = Unsynchronized({7, 98s});
  SUBCASE("not yet") {
    CorrectTime(row, At(7, 1'098s, 1'700'001'000s, false));
  }
  SUBCASE("another boot") {
    CorrectTime(row, At(8, 1'098s, 1'700'001'000s, true));
  }
  CHECK(row.time_quality == TimeQuality::kUnsynchronized);
  CHECK(row.event.received == WallTime(8s));
}

TEST_CASE("time of an event: one that came while the clock was right is never touched") {
  Row row;
  row.event.received = WallTime(1'000s);
  CorrectTime(row, At(8, 1'098s, 1'700'001'000s, true));
  CHECK(row.time_quality == TimeQuality::kSynchronized);
  CHECK(row.event.received == WallTime(1'000s));
}

}  // namespace
}  // namespace sluice
