#include "gateway/log_repeats.h"

#include <doctest/doctest.h>

using namespace sluice;
using namespace std::chrono_literals;

namespace {

constexpr LogRepeats::Time kStart{};

}  // namespace

TEST_CASE("log repeats: the first line is written, those like it within a minute are counted, and the next one tells how many") {
  LogRepeats repeats;
  CHECK(repeats.Admit("refused", kStart) == 0u);
  for (int i = 1; i < 60; ++i) CHECK(repeats.Admit("refused", kStart + i * 1s) == std::nullopt);
  CHECK(repeats.Admit("another", kStart + 30s) == 0u);
  CHECK(repeats.Admit("refused", kStart + 60s) == 59u);
}

TEST_CASE("log repeats: what does not end is written ever less often, down to once an hour; every line is accounted for") {
  LogRepeats repeats;
  std::uint64_t written = 0;
  std::uint64_t told = 0;
  std::uint64_t in_last_day = 0;
  constexpr int kDays = 3;
  constexpr int kLines = kDays * 24 * 3600;
  for (int second = 0; second < kLines; ++second) {
    const auto left_out = repeats.Admit("refused", kStart + second * 1s);
    if (!left_out) continue;
    ++written;
    told += *left_out;
    if (second >= (kDays - 1) * 24 * 3600) ++in_last_day;
  }
  CHECK(in_last_day == 24);
  for (const LogRepeats::Overdue& overdue : repeats.TakeOverdue(kStart + kLines * 1s + 1h)) told += overdue.left_out;
  CHECK(written + told == kLines);
}

TEST_CASE("log repeats: what has been quiet is news again") {
  LogRepeats repeats;
  CHECK(repeats.Admit("refused", kStart) == 0u);
  CHECK(repeats.Admit("refused", kStart + 2min) == 0u);
  CHECK(repeats.Admit("refused", kStart + 2min + 30s) == std::nullopt);
  CHECK(repeats.Admit("refused", kStart + 3min) == 1u);
}

TEST_CASE("log repeats: what was counted last is told although the line does not come again") {
  LogRepeats repeats;
  CHECK(repeats.Admit("refused", kStart) == 0u);
  CHECK(repeats.Admit("refused", kStart + 1s) == std::nullopt);
  CHECK(repeats.TakeOverdue(kStart + 59s).empty());
  const auto overdue = repeats.TakeOverdue(kStart + 60s);
  REQUIRE(overdue.size() == 1);
  CHECK(overdue[0].line == "refused");
  CHECK(overdue[0].left_out == 1);
  CHECK(repeats.TakeOverdue(kStart + 60s).empty());
}

TEST_CASE("log repeats: a thousand different lines are all written, and memory has its bound") {
  LogRepeats repeats;
  CHECK(repeats.Admit("first", kStart) == 0u);
  CHECK(repeats.Admit("first", kStart) == std::nullopt);
  for (int i = 0; i < 1'000; ++i) CHECK(repeats.Admit("line " + std::to_string(i), kStart) == 0u);
  const auto overdue = repeats.TakeOverdue(kStart);
  REQUIRE(overdue.size() == 1);
  CHECK(overdue[0].left_out == 1);
}
