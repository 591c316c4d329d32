#include "gateway/start_reason.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

ClockReading InBoot(std::uint64_t boot) {
  return {.wall = {}, .boot = {.boot = boot, .since_boot = std::chrono::seconds(100)}, .synchronized = true};
}

TEST_CASE("start reason: an outbox that no run has written to makes the first start, however it was closed") {
  for (const bool was_closed : {false, true}) CHECK(StartReason({}, was_closed, InBoot(1)) == "first");
}

TEST_CASE("start reason: in the same boot a stop makes a restart and its absence a crash") {
  const ClockKept kept{.running = {}, .reading = InBoot(1)};
  CHECK(StartReason(kept, true, InBoot(1)) == "restart");
  CHECK(StartReason(kept, false, InBoot(1)) == "crash");
}

TEST_CASE("start reason: in another boot a stop makes a reboot and its absence a loss of power") {
  const ClockKept kept{.running = {}, .reading = InBoot(1)};
  CHECK(StartReason(kept, true, InBoot(2)) == "reboot");
  CHECK(StartReason(kept, false, InBoot(2)) == "power_loss");
}

}  // namespace
}  // namespace sluice
