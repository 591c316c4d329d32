// Turns a loop until something is observed.
#pragma once

#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>
#include <memory>

#include "gateway/loop.h"

namespace sluice {

constexpr std::chrono::milliseconds kLook{20};

/// Fails the test if `condition` does not become true in 30 s. It is looked at with each turn, and every 20 ms at least.
template <typename Condition>
void RunUntil(Loop& loop, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  // Starts itself again: a turn runs the timers before it waits, so that one that had expired by then would leave nothing to end the wait.
  std::unique_ptr<Timer> tick;
  tick = loop.NewTimer([&tick] { tick->Start(kLook); });
  tick->Start(kLook);
  while (!condition()) {
    REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, "not within 30 s");
    uv_run(loop.uv(), UV_RUN_ONCE);
  }
}

}  // namespace sluice
