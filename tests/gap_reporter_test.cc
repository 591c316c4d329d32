#include "gateway/gap_reporter.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "gateway/own_event.h"
#include "tests/chain.h"

namespace sluice {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct Fixture {
  Fixture() { reporter.Start(); }

  void Lose(const char* sink, const char* lane_class, Seq first, Seq last) {
    chain.store.gaps.push_back({.lane = chain.Id(sink, lane_class),
                                .sink = sink,
                                .lane_class = lane_class,
                                .first = first,
                                .last = last,
                                .events = last - first + 1,
                                .reason = DropReason::kQuota,
                                .since = WallTime(seconds(1)),
                                .until = WallTime(seconds(2))});
  }
  std::vector<nlohmann::json> Records() {
    std::vector<nlohmann::json> records;
    for (const auto& [seq, row] : chain.Rows("cloud", "alert")) {
      if (row.event.topic == kGapsTopic) records.push_back(nlohmann::json::parse(row.event.payload));
    }
    return records;
  }

  Chain chain{MakeChainConfig(), {1'000, 8u << 20}};
  bool may_leave = true;
  GapReporter reporter{{chain.store, chain.clock, chain.wall_clock, chain.committer}, [this] { return may_leave; }};
};

TEST_CASE("gap reporter: each lane that gave something up has a record with all its gaps, told once") {
  Fixture f;
  f.Lose("cloud", "bulk", 3, 9);
  f.Lose("cloud", "bulk", 20, 20);
  f.Lose("disk", "normal", 4, 5);
  f.chain.clock.Advance(minutes(5));
  const std::vector<nlohmann::json> records = f.Records();
  REQUIRE(records.size() == 2);
  CHECK(records[0]["sink"] == "cloud");
  CHECK(records[0]["class"] == "bulk");
  REQUIRE(records[0]["gaps"].size() == 2);
  CHECK(records[0]["gaps"][0] == nlohmann::json{{"first", 3},
                                                {"last", 9},
                                                {"events", 7},
                                                {"reason", "quota"},
                                                {"since", "1970-01-01T00:00:01.000000Z"},
                                                {"until", "1970-01-01T00:00:02.000000Z"}});
  CHECK(records[1]["sink"] == "disk");
  CHECK(records[1]["class"] == "normal");
  CHECK(f.chain.store.gaps.empty());
}

TEST_CASE("gap reporter: a record that is not durable for a long time is not made again") {
  Fixture f;
  f.Lose("cloud", "bulk", 3, 9);
  f.chain.store.refuse_all = ErrorCode::kUnavailable;
  f.chain.clock.Advance(minutes(3));
  CHECK(f.Records().empty());
  CHECK(f.chain.store.gaps.size() == 1);
  f.chain.store.refuse_all.reset();
  f.chain.clock.Advance(minutes(3));
  CHECK(f.Records().size() == 1);
  CHECK(f.chain.store.gaps.empty());
}

TEST_CASE("gap reporter: while records could not leave, gaps are left to grow together for an hour") {
  Fixture f;
  f.may_leave = false;
  f.Lose("cloud", "bulk", 3, 9);
  f.chain.clock.Advance(minutes(59));
  CHECK(f.Records().empty());
  f.chain.clock.Advance(minutes(2));
  CHECK(f.Records().size() == 1);
}

TEST_CASE("gap reporter: gaps that cannot be read are read again soon, also while records could not leave") {
  for (const bool may_leave : {true, false}) {
    Fixture f;
    f.may_leave = may_leave;
    f.Lose("cloud", "bulk", 3, 9);
    f.chain.store.refuse_reads = true;
    f.chain.clock.Advance(minutes(61));
    CHECK(f.Records().empty());
    f.chain.store.refuse_reads = false;
    f.chain.clock.Advance(minutes(1));
    CHECK(f.Records().size() == 1);
  }
}

TEST_CASE("gap reporter: after the stop nothing is told, not even what was being read") {
  Fixture f;
  f.Lose("cloud", "bulk", 3, 9);
  f.chain.store.on_gaps_read = [&] { f.reporter.Stop(); };
  f.chain.clock.Advance(minutes(5));
  CHECK(f.Records().empty());
  CHECK(f.chain.store.gaps.size() == 1);
}

}  // namespace
}  // namespace sluice
