#include "gateway/progress.h"

#include <doctest/doctest.h>

using namespace sluice;
using namespace std::chrono_literals;

namespace {

constexpr MonotonicTime kStart{};

std::vector<std::string> At(Progress& progress, std::chrono::milliseconds when, bool has_work, std::uint64_t done) {
  return progress.Stuck({{"store", has_work, done}}, kStart + when);
}

}  // namespace

TEST_CASE("progress: who has work and does not get on for longer than the limit is stuck, by name") {
  Progress progress(100ms);
  CHECK(At(progress, 0ms, true, 7).empty());
  CHECK(At(progress, 100ms, true, 7).empty());
  CHECK(At(progress, 101ms, true, 7) == std::vector<std::string>{"store"});
  CHECK(At(progress, 500ms, true, 7) == std::vector<std::string>{"store"});
}

TEST_CASE("progress: who gets on, however slowly, or is idle for ever, is not stuck") {
  Progress progress(100ms);
  for (int i = 0; i < 10; ++i) CHECK(At(progress, 90ms * i, true, static_cast<std::uint64_t>(i)).empty());
  for (int i = 10; i < 20; ++i) CHECK(At(progress, 90ms * i, false, 9).empty());
}

TEST_CASE("progress: the time begins anew with new work, and after a part has got on") {
  Progress progress(100ms);
  CHECK(At(progress, 0ms, true, 1).empty());
  CHECK(At(progress, 90ms, false, 1).empty());
  CHECK(At(progress, 110ms, true, 1).empty());
  CHECK(At(progress, 200ms, true, 1).empty());
  CHECK(At(progress, 211ms, true, 1).size() == 1);
  CHECK(At(progress, 220ms, true, 2).empty());
  CHECK(At(progress, 330ms, true, 2).size() == 1);
}

TEST_CASE("progress: each part has a time of its own") {
  Progress progress(100ms);
  CHECK(progress.Stuck({{"a", true, 1}, {"b", false, 1}}, kStart).empty());
  CHECK(progress.Stuck({{"a", true, 2}, {"b", true, 1}}, kStart + 60ms).empty());
  CHECK(progress.Stuck({{"a", true, 2}, {"b", true, 1}}, kStart + 161ms) == std::vector<std::string>{"a", "b"});
  CHECK(progress.Stuck({{"b", true, 2}}, kStart + 170ms).empty());
}
