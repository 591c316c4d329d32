#include "gateway/backoff.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST_CASE("backoff: delays stay within a bound that doubles up to the cap, and start over after a success") {
  Backoff backoff(milliseconds(100), milliseconds(1'000), 1);
  for (int round = 0; round < 2; ++round) {
    for (int bound : {100, 200, 400, 800, 1'000, 1'000, 1'000}) {
      const milliseconds delay = backoff.Next();
      CHECK(delay >= milliseconds(1));
      CHECK(delay <= milliseconds(bound));
    }
    backoff.Reset();
  }
}

TEST_CASE("backoff: a fleet that fails at one moment does not come back at one moment") {
  int early = 0;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    if (Backoff(milliseconds(1'000), milliseconds(1'000), seed).Next() < milliseconds(500)) ++early;
  }
  CHECK(early > 400);
  CHECK(early < 600);
}

}  // namespace
}  // namespace sluice
