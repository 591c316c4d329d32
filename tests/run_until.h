// Turns a loop until something is observed.
#pragma once

#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>

#include "gateway/loop.h"

namespace sluice {

/// Fails the test if `condition` does not become true in 30 s. It is looked at with each turn, and every 20 ms at least.
template <typename Condition>
void RunUntil(Loop& loop, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const auto tick = loop.NewTimer([] {});
  while (!condition()) {
    REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, "not within 30 s");
    tick->Start(std::chrono::milliseconds(20));
    uv_run(loop.uv(), UV_RUN_ONCE);
  }
}

}  // namespace sluice
