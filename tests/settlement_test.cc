#include "gateway/settlement.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("settlement: the prefix waits for its oldest unfinished row") {
  Settlement settlement;
  for (Seq seq : {10, 12, 15}) CHECK(settlement.Begin(seq, 100));
  settlement.Finish(15);
  settlement.Finish(12);
  CHECK(settlement.SettledThrough() == 0);
  CHECK(settlement.InFlightEvents() == 1);
  settlement.Finish(10);
  CHECK(settlement.SettledThrough() == 15);
  CHECK(settlement.InFlightBytes() == 0);
}

TEST_CASE("settlement: after a rewind only what was not finished is sent again") {
  Settlement settlement;
  for (Seq seq : {1, 2, 3}) REQUIRE(settlement.Begin(seq, 10));
  settlement.Finish(2);
  settlement.Rewind();
  CHECK(settlement.InFlightEvents() == 0);
  CHECK(settlement.Begin(1, 10));
  CHECK_FALSE(settlement.Begin(2, 10));
  CHECK(settlement.Begin(3, 10));
  settlement.Finish(1);
  CHECK(settlement.SettledThrough() == 2);
}

TEST_CASE("settlement: a report from before the rewind changes nothing") {
  Settlement settlement;
  REQUIRE(settlement.Begin(1, 10));
  settlement.Rewind();
  settlement.Finish(1);
  CHECK(settlement.SettledThrough() == 0);
  CHECK(settlement.Begin(1, 10));
}

TEST_CASE("settlement: a reopened row holds up the prefix again, whether it was settled or done behind an older one") {
  Settlement settlement;
  for (Seq seq : {1, 2, 5, 7}) REQUIRE(settlement.Begin(seq, 10));
  for (Seq seq : {1, 2, 7}) settlement.Finish(seq);
  settlement.Rewind();
  settlement.Reopen(7);
  CHECK(settlement.SettledThrough() == 2);
  settlement.Reopen(2);
  CHECK(settlement.SettledThrough() == 1);
  for (Seq seq : {2, 5, 7}) CHECK(settlement.Begin(seq, 10));
  settlement.Finish(5);
  settlement.Finish(7);
  CHECK(settlement.SettledThrough() == 1);
  settlement.Finish(2);
  CHECK(settlement.SettledThrough() == 7);
  CHECK(settlement.InFlightEvents() == 0);
}

TEST_CASE("settlement: a row that comes between two that were given holds up the prefix before it is begun") {
  Settlement settlement;
  for (Seq seq : {18, 20, 25}) REQUIRE(settlement.Begin(seq, 10));
  settlement.Finish(20);
  settlement.Rewind();
  settlement.Reopen(19);
  REQUIRE(settlement.Begin(18, 10));
  settlement.Finish(18);
  CHECK(settlement.SettledThrough() == 18);
  CHECK(settlement.Begin(19, 30));
  CHECK(settlement.InFlightBytes() == 30);
  CHECK_FALSE(settlement.Begin(20, 10));
  CHECK(settlement.Begin(25, 10));
  settlement.Finish(25);
  CHECK(settlement.SettledThrough() == 18);
  settlement.Finish(19);
  CHECK(settlement.SettledThrough() == 25);
  CHECK(settlement.InFlightEvents() == 0);
}

TEST_CASE("settlement: one that was reopened but is not in the lane holds up nothing") {
  Settlement settlement;
  for (Seq seq : {7, 18, 20, 25}) REQUIRE(settlement.Begin(seq, 10));
  for (Seq seq : {7, 20}) settlement.Finish(seq);
  settlement.Rewind();
  for (Seq seq : {7, 19, 22, 23}) settlement.Reopen(seq);
  CHECK(settlement.SettledThrough() == 6);
  REQUIRE(settlement.Begin(18, 10));
  // Neither is 20 any more: it was set aside.
  REQUIRE(settlement.Begin(25, 10));
  settlement.Finish(25);
  CHECK(settlement.SettledThrough() < 18);
  settlement.Finish(18);
  CHECK(settlement.SettledThrough() == 25);
}

}  // namespace
}  // namespace sluice
