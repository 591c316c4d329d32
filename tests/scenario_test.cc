// Stories of the whole chain on virtual time: what leaves first, what waits, what is given up.
#include <doctest/doctest.h>

#include <numeric>

#include "tests/chain.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr UploadShare::Window kWindow{120, 8u << 20};

void CheckNothingLost(Chain& chain, const std::string& sink, const std::string& lane_class, std::uint64_t published) {
  const std::size_t accounted = chain.Sink(sink, lane_class).delivered.size() + chain.Rows(sink, lane_class).size();
  CHECK(accounted == published);
}

TEST_CASE("scenario: a backlog of three classes drains 8:3:1 while all wait, then each takes what the others leave") {
  Chain chain(MakeChainConfig(), kWindow);
  for (const char* topic : {"cloud/alert/1", "cloud/normal/1", "cloud/bulk/1"}) chain.Publish(topic, 20'000);
  chain.Advance(seconds(1));
  FakeSink& alert = chain.Sink("cloud", "alert");
  FakeSink& normal = chain.Sink("cloud", "normal");
  FakeSink& bulk = chain.Sink("cloud", "bulk");

  chain.Deliver("cloud", seconds(10));
  REQUIRE(alert.delivered.size() < 20'000);
  const auto of_bulk = static_cast<double>(bulk.delivered.size());
  CHECK(alert.delivered.size() / of_bulk == doctest::Approx(8).epsilon(0.1));
  CHECK(normal.delivered.size() / of_bulk == doctest::Approx(3).epsilon(0.1));

  chain.Deliver("cloud", seconds(5));
  CHECK(alert.delivered.size() == 20'000);
  CHECK(bulk.delivered.size() < normal.delivered.size());
  chain.Deliver("cloud", minutes(2));
  for (FakeSink* sink : {&alert, &normal, &bulk}) {
    CHECK(sink->delivered.size() == 20'000);
    CHECK(std::is_sorted(sink->sent.begin(), sink->sent.end()));
  }
}

TEST_CASE("scenario: an alert goes to its sink at once while lower classes drain") {
  Chain chain(MakeChainConfig(), kWindow);
  chain.Publish("cloud/bulk/1", 20'000);
  chain.Deliver("cloud", seconds(5));
  FakeSink& alert = chain.Sink("cloud", "alert");
  chain.Publish("cloud/alert/1");
  chain.clock.RunTasks();
  CHECK(alert.in_flight.size() == 1);
}

TEST_CASE("scenario: under an upload limit the classes share it 8:3:1, and together keep to it") {
  Config config = MakeChainConfig();
  config.sinks[0].limit.bytes_per_s = 50'000;
  Chain chain(config, {4'000, 8u << 20});
  for (const char* topic : {"cloud/alert/1", "cloud/normal/1", "cloud/bulk/1"}) chain.Publish(topic, 15'000, 420);
  chain.Advance(seconds(1));
  const auto bytes_of = [&](const char* lane_class) {
    const std::vector<Row>& rows = chain.Sink("cloud", lane_class).rows;
    return std::accumulate(rows.begin(), rows.end(), 0.0,
                           [](double sum, const Row& row) { return sum + static_cast<double>(Footprint(row)); });
  };
  chain.Deliver("cloud", seconds(60));
  const double all = bytes_of("alert") + bytes_of("normal") + bytes_of("bulk");
  CHECK(all <= 50'000 * 61.25 + 1'000);
  CHECK(all >= 50'000 * 60 * 0.97);
  CHECK(bytes_of("alert") / all == doctest::Approx(8.0 / 12).epsilon(0.05));
  CHECK(bytes_of("bulk") / all == doctest::Approx(1.0 / 12).epsilon(0.1));
  // A limit of one sink is none of the other's.
  chain.Publish("disk/bulk/1", 2'000);
  chain.Deliver("disk", seconds(2));
  CHECK(chain.Sink("disk", "bulk").delivered.size() == 2'000);
}

TEST_CASE("scenario: while its sink is away a lane gives up what is too old, tells which, and sends the rest when the sink is back") {
  Config config = MakeChainConfig();
  for (RouteConfig& route : config.routes) {
    if (route.lane_class == "bulk") route.ttl = minutes(1);
  }
  Chain chain(config, {10, 8u << 20});
  chain.Publish("cloud/bulk/old", 200);
  chain.Publish("cloud/normal/1", 20);
  chain.Advance(seconds(90));
  FakeSink& bulk = chain.Sink("cloud", "bulk");
  CHECK(chain.store.dropped.size() == 200 - bulk.in_flight.size());
  REQUIRE(chain.store.gaps.size() == 1);
  CHECK(chain.store.gaps[0].reason == DropReason::kExpired);
  CHECK(chain.store.gaps[0].events == chain.store.dropped.size());
  CHECK(chain.Rows("cloud", "normal").size() == 20);

  chain.Publish("cloud/bulk/new", 50);
  chain.Deliver("cloud", seconds(30));
  CHECK(bulk.delivered.size() == 250 - chain.store.dropped.size());
  CHECK(chain.Sink("cloud", "normal").delivered.size() == 20);
  CHECK(chain.Rows("cloud", "bulk").empty());
}

TEST_CASE("scenario: a long expired backlog does not hold up what came after it") {
  Config config = MakeChainConfig();
  for (RouteConfig& route : config.routes) route.ttl = minutes(1);
  Chain chain(config, {10, 8u << 20});
  for (int i = 0; i < 10; ++i) {
    chain.Publish("cloud/bulk/old", 6'000, 10);
    chain.Advance(milliseconds(200));
  }
  // The box was off: what is too old shows when it is on again.
  chain.wall_clock.reading.boot.since_boot += std::chrono::hours(1);
  chain.Publish("cloud/bulk/new", 5, 10);
  chain.Deliver("cloud", seconds(15));
  FakeSink& bulk = chain.Sink("cloud", "bulk");
  CHECK(bulk.delivered.size() >= 5);
  CHECK(bulk.delivered.back() == 60'005);
  CHECK(bulk.delivered.size() + chain.store.dropped.size() == 60'005);
}

TEST_CASE("scenario: one sink that is dead pays at the quota with its own backlog; the other goes on, and no alert is lost") {
  Chain chain(MakeChainConfig(), {10, 8u << 20});
  chain.store.max_rows = 500;
  std::uint64_t published = 0;
  for (int second = 0; second < 60; ++second) {
    chain.Publish("both/normal/1", 40);
    chain.Publish("both/alert/1", 2);
    published += 40;
    chain.Deliver("disk", seconds(1));
  }
  chain.Deliver("disk", seconds(60));
  // The live sink has all of it.
  CHECK(chain.Sink("disk", "normal").delivered.size() == published);
  CHECK(chain.Sink("disk", "alert").delivered.size() == 120);
  // The dead one kept its alerts, and the newest of what may be dropped.
  CheckNothingLost(chain, "cloud", "alert", 120);
  CHECK(chain.Rows("cloud", "normal").size() + chain.store.dropped.size() == published);
  std::uint64_t told = 0;
  for (const Gap& gap : chain.store.gaps) {
    CHECK(gap.lane == chain.Id("cloud", "normal"));
    told += gap.events;
  }
  CHECK(told == chain.store.dropped.size());
  CHECK(chain.Done() == published + 120);
  // Back again, it gets what is left, in order, nothing that was dropped.
  chain.Deliver("cloud", minutes(2));
  const FakeSink& cloud = chain.Sink("cloud", "normal");
  CHECK(cloud.delivered.size() + chain.store.dropped.size() == published);
  CHECK(std::is_sorted(cloud.sent.begin(), cloud.sent.end()));
  for (Seq seq : chain.store.dropped) REQUIRE(std::count(cloud.sent.begin(), cloud.sent.end(), seq) == 0);
}

TEST_CASE("scenario: a gap record goes to the cloud as an event, and its gap is told by that") {
  Chain chain(MakeChainConfig(), {10, 8u << 20});
  chain.store.max_rows = 100;
  chain.Publish("disk/bulk/1", 100);
  chain.Advance(seconds(1));
  chain.Publish("disk/bulk/1", 20);
  chain.Advance(seconds(1));
  REQUIRE(chain.store.gaps.size() == 1);
  Event record;
  record.topic = "$sluice/gaps";
  record.payload = "{}";
  chain.store.max_rows = 200;
  chain.committer.Publish(record, {chain.store.gaps[0]});
  chain.Deliver("cloud", seconds(1));
  CHECK(chain.store.gaps.empty());
  REQUIRE(chain.Sink("cloud", "alert").rows.size() == 1);
  CHECK(chain.Sink("cloud", "alert").rows[0].event.topic == "$sluice/gaps");
}

TEST_CASE("scenario: pauses between tries grow to their cap and no further, and end with the first success") {
  Config config = MakeChainConfig();
  config.sinks[0].retry_min = milliseconds(100);
  config.sinks[0].retry_max = seconds(10);
  Chain chain(config, kWindow);
  chain.Publish("cloud/normal/1");
  chain.Advance(milliseconds(200));
  FakeSink& sink = chain.Sink("cloud", "normal");
  const auto pause = [&] {
    sink.TellAll(Verdict::kRetry);
    milliseconds waited{0};
    for (; sink.in_flight.empty() && waited < minutes(1); waited += milliseconds(10)) chain.Advance(milliseconds(10));
    return waited;
  };
  milliseconds early{0};
  milliseconds late{0};
  for (int i = 0; i < 3; ++i) early = std::max(early, pause());
  for (int i = 0; i < 30; ++i) late = std::max(late, pause());
  CHECK(early <= milliseconds(410));
  CHECK(late > seconds(3));
  CHECK(late <= seconds(10) + milliseconds(10));
  sink.TellAll(Verdict::kDelivered);
  chain.Publish("cloud/normal/1");
  chain.Advance(seconds(1));
  CHECK(pause() <= milliseconds(110));
  CHECK(std::count(sink.delivered.begin(), sink.delivered.end(), 1) == 1);
}

}  // namespace
}  // namespace sluice
