#include "gateway/status_reporter.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "gateway/own_event.h"
#include "tests/chain.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

struct Fixture {
  explicit Fixture(StatusReporter::Options options)
      : reporter(
            {chain.store, chain.clock, chain.wall_clock, chain.committer}, options, [] { return Facts(); }, [this] { return may_leave; }) {}

  static StatusFacts Facts() {
    StatusFacts facts;
    facts.gateway_id = "gw";
    facts.start_reason = "crash";
    return facts;
  }
  std::vector<nlohmann::json> Reports() {
    std::vector<nlohmann::json> reports;
    for (const auto& [seq, row] : chain.Rows("cloud", "alert")) {
      if (row.event.topic == kStatusTopic) reports.push_back(nlohmann::json::parse(row.event.payload));
    }
    return reports;
  }
  Strings Reasons() {
    Strings reasons;
    for (const nlohmann::json& report : Reports()) reasons.push_back(report["reason"]);
    return reasons;
  }
  void Advance(milliseconds time) { chain.clock.Advance(time); }

  Chain chain{MakeChainConfig(), {1'000, 8u << 20}};
  bool may_leave = true;
  StatusReporter reporter;
};

TEST_CASE("status reporter: one report at the start, one each interval, one at the stop, and none after it") {
  Fixture f({.is_routed = true, .every = minutes(5)});
  f.reporter.Start("start");
  f.Advance(seconds(1));
  CHECK(f.Reasons() == Strings{"start"});
  f.Advance(minutes(10));
  CHECK(f.Reasons() == Strings{"start", "interval", "interval"});
  int told = 0;
  f.reporter.OnRecovered();
  f.reporter.Stop("stop", [&] { ++told; });
  f.Advance(milliseconds(0));
  CHECK(told == 1);
  f.reporter.OnRecovered();
  f.Advance(minutes(60));
  CHECK(f.Reasons() == Strings{"start", "interval", "interval", "stop"});
  CHECK(told == 1);
}

TEST_CASE("status reporter: a report is the status document with the reason before it") {
  Fixture f({.is_routed = true, .every = minutes(5)});
  f.reporter.Start("start");
  f.Advance(seconds(1));
  REQUIRE(f.Reports().size() == 1);
  const nlohmann::json report = f.Reports()[0];
  CHECK(report["gateway"] == "gw");
  CHECK(report["start_reason"] == "crash");
  CHECK(report["lanes"].is_array());
  const Row& row = f.chain.Rows("cloud", "alert").begin()->second;
  CHECK(row.source == kOwnSource);
  CHECK(row.event.payload.rfind("{\"reason\":\"start\",", 0) == 0);
}

TEST_CASE("status reporter: an interval of 0 leaves the reports that have a reason") {
  Fixture f({.is_routed = true, .every = milliseconds(0)});
  f.reporter.Start("start");
  f.Advance(minutes(600));
  CHECK(f.Reasons() == Strings{"start"});
}

TEST_CASE("status reporter: while reports could not leave, one an hour is made; then every interval again") {
  Fixture f({.is_routed = true, .every = minutes(1)});
  f.reporter.Start("start");
  f.may_leave = false;
  f.Advance(minutes(3 * 60 + 30));
  CHECK(f.Reasons() == Strings{"start", "interval", "interval", "interval"});
  f.may_leave = true;
  f.Advance(minutes(2));
  CHECK(f.Reasons().size() == 6);
}

TEST_CASE("status reporter: sinks that recover one soon after the other make one report, a later recovery another") {
  Fixture f({.is_routed = true, .every = minutes(5)});
  for (int i = 0; i < 15; ++i) {
    f.reporter.OnRecovered();
    f.Advance(milliseconds(100));
  }
  f.Advance(seconds(10));
  CHECK(f.Reasons() == Strings{"recovered"});
  f.reporter.OnRecovered();
  f.Advance(seconds(10));
  CHECK(f.Reasons() == Strings{"recovered", "recovered"});
}

TEST_CASE("status reporter: without a route no report is made, and the stop does not wait for one") {
  Fixture f({.is_routed = false, .every = minutes(1)});
  f.reporter.Start("start");
  f.reporter.OnRecovered();
  f.Advance(minutes(10));
  bool told = false;
  f.reporter.Stop("stop", [&] { told = true; });
  f.Advance(milliseconds(0));
  CHECK(told);
  CHECK(f.chain.store.sources.empty());
}

TEST_CASE("status reporter: a ledger that cannot be read costs the report, not the stop") {
  Fixture f({.is_routed = true, .every = minutes(1)});
  f.chain.store.refuse_reads = true;
  f.reporter.Start("start");
  bool told = false;
  f.reporter.Stop("stop", [&] { told = true; });
  f.Advance(seconds(1));
  CHECK(told);
  CHECK(f.Reasons().empty());
}

}  // namespace
}  // namespace sluice
