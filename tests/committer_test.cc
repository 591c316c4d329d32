#include "gateway/committer.h"

#include <doctest/doctest.h>

#include "tests/chain.h"
#include "tests/fakes.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

const std::string kSource = "local";

Config MakeConfig() {
  Config config;
  config.gateway.id = "gw";
  config.sinks.resize(2);
  config.sinks[0].name = "cloud";
  config.sinks[1].name = "disk";
  config.routes.push_back(
      {.name = "both", .match = {"both/#"}, .except = {}, .key = "", .to = {{"cloud", "a"}, {"disk", "b"}}, .continue_after = false});
  config.routes.push_back({.name = "one", .match = {"one/#"}, .except = {}, .key = "", .to = {{"cloud", "a"}}, .continue_after = false});
  config.routes.push_back({.name = "each", .match = {"each/{x}"}, .except = {}, .key = "", .to = {{"cloud", "{x}"}, {"disk", "b"}}});
  config.routes.push_back({.name = "lost", .match = {"lost/{x}"}, .except = {}, .key = "", .to = {{"cloud", "{x}"}}});
  RouteConfig field{.name = "field", .match = {"field"}, .except = {}, .key = "", .to = {{"cloud", "a"}, {"disk", "b"}}};
  field.to[0].key = "{payload.k}";
  config.routes.push_back(field);
  RouteConfig headers{.name = "headers", .match = {"headers/{x}"}, .except = {}, .key = "", .to = {{"cloud", "a"}, {"disk", "b"}}};
  headers.to[0].headers = {{"site", "{x}"}};
  headers.to[0].envelope = Envelope::kNone;
  config.sinks[0].type = SinkType::kKafka;
  config.routes.push_back(headers);
  return config;
}

struct Fixture {
  FakeClock clock;
  FakeStore store{clock};
  Router router = *Router::Create(MakeConfig());
  Inbox inbox{{.max_events = 10'000, .max_bytes = 1u << 24, .cut_events = 100, .cut_bytes = 1u << 18},
              [this] { clock.Post([this] { committer.OnInbox(); }); }};
  FakeSink cloud{clock};
  FakeSink disk{clock};
  int cuts = 0;
  int durable = 0;
  Destinations destinations{{2, 2}};
  FakeWallClock wall_clock;
  RunningClock running_clock{{}, wall_clock.reading};
  UploadShare cloud_share{{4'000, 8u << 20}, {}};
  UploadShare disk_share{{4'000, 8u << 20}, {}};
  Committer committer{{.commit_every = milliseconds(100)},
                      {router, destinations, inbox, store, clock, wall_clock, running_clock},
                      {[this] { ++cuts; }, [this] { ++durable; }}};
  std::vector<std::unique_ptr<Forwarder>> forwarders;
  ConnectionId connection = inbox.OpenConnection(kSource);

  Fixture() {
    AddLane(1, cloud, cloud_share);
    AddLane(2, disk, disk_share);
    committer.SetLanes(
        {{.id = 1, .lane_class = 1, .forwarder = forwarders[0].get()}, {.id = 2, .lane_class = 1, .forwarder = forwarders[1].get()}});
  }
  void AddLane(LaneId id, Sink& sink, UploadShare& share) {
    const Forwarder::Surroundings surroundings{store, clock, wall_clock, share,
                                               [this] { return running_clock.Advance(wall_clock.reading); }};
    forwarders.push_back(std::make_unique<Forwarder>(LaneState{id, "s", "normal", 0, 0, 0},
                                                     Forwarder::Options{.sink = "s", .lane_class = "normal"}, &sink, surroundings,
                                                     [this] { committer.OnSettled(); }));
    forwarders.back()->Start();
  }
  void Push(const std::string& topic, Refusal refusal = Refusal::kNone) {
    Event event;
    event.topic = topic;
    event.payload = "p";
    event.properties = {{"site", "the publisher's"}, {"trace", "1"}, {"site", "again"}};
    event.qos = 1;
    event.refusal = refusal;
    event.received = wall_clock.reading.wall;
    event.since_boot = wall_clock.reading.boot.since_boot;
    inbox.Push(connection, std::move(event));
  }
};

TEST_CASE_FIXTURE(Fixture, "committer: events wait for others at most commit_every, then all of them are one transaction") {
  Push("one/1");
  clock.Advance(milliseconds(50));
  Push("one/2");
  clock.Advance(milliseconds(49));
  CHECK(store.commits == 0);
  CHECK(inbox.DoneCount(connection) == 0);
  clock.Advance(milliseconds(1));
  CHECK(store.commits == 1);
  CHECK(inbox.DoneCount(connection) == 2);
  CHECK(cuts == 1);
  CHECK(durable == 1);
  CHECK(cloud.sent == std::vector<Seq>{1, 2});
}

TEST_CASE_FIXTURE(Fixture, "committer: a reached cut limit does not wait for the time") {
  for (int i = 0; i < 100; ++i) Push("one/1");
  clock.RunTasks();
  CHECK(inbox.DoneCount(connection) == 100);
}

TEST_CASE_FIXTURE(Fixture, "committer: an event of two sinks is a row in each lane with one seq, chained within each lane") {
  Push("both/1");
  Push("one/1");
  Push("both/2");
  clock.Advance(milliseconds(100));
  CHECK(store.lanes[1].size() == 3);
  CHECK(store.lanes[2].size() == 2);
  CHECK(store.lanes[1].at(3).previous == 2);
  CHECK(store.lanes[2].at(3).previous == 1);
  CHECK(store.lanes[1].at(3).event.payload == "p");
  CHECK(store.lanes[2].at(3).event.payload == "p");
}

TEST_CASE_FIXTURE(Fixture, "committer: unrouted and refused events are counted durably before they are done") {
  Push("nowhere");
  Push("one/1", Refusal::kTooLarge);
  clock.Advance(milliseconds(100));
  REQUIRE(store.sources.size() == 1);
  CHECK(store.sources[0].received == 2);
  CHECK(store.sources[0].unrouted == 1);
  CHECK(store.sources[0].too_large == 1);
  CHECK(store.sources[0].routed == 0);
  CHECK(inbox.DoneCount(connection) == 2);
  CHECK(store.lanes[1].empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "committer: an event that cannot go to one sink is set aside there with its reason, goes to the other, and is done") {
  Push("one/1");
  Push("field");
  Push("one/2");
  clock.Advance(milliseconds(100));
  REQUIRE(store.misfits.size() == 1);
  CHECK(store.misfits[0].lane == 1);
  CHECK(store.misfits[0].row.seq == 2);
  CHECK(store.misfits[0].row.previous == 0);
  CHECK(store.misfits[0].row.event.payload == "p");
  CHECK(store.misfits[0].reason == "no payload field `k`");
  CHECK(store.lanes[1].size() == 2);
  CHECK(store.lanes[1].at(3).previous == 1);
  CHECK(store.lanes[2].size() == 1);
  CHECK(cloud.sent == std::vector<Seq>{1, 3});
  CHECK(disk.sent == std::vector<Seq>{2});
  CHECK(store.sources[0].routed == 3);
  CHECK(inbox.DoneCount(connection) == 3);
}

TEST_CASE_FIXTURE(Fixture, "committer: events alone that can go nowhere are committed before they are done") {
  store.refuse_all = ErrorCode::kUnavailable;
  Push("lost/..");
  clock.Advance(milliseconds(100));
  CHECK(inbox.DoneCount(connection) == 0);
  store.refuse_all.reset();
  clock.Advance(std::chrono::seconds(1));
  CHECK(inbox.DoneCount(connection) == 1);
  CHECK(store.misfits.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "committer: a template makes no more destinations than its sink may have, and those that are there go on") {
  for (const char* topic : {"each/a", "each/b", "each/c", "each/a", "one/1", "each/d"}) Push(topic);
  clock.Advance(milliseconds(100));
  CHECK(cloud.sent == std::vector<Seq>{1, 2, 4, 5});
  REQUIRE(store.misfits.size() == 2);
  CHECK(store.misfits[0].row.destination == "c");
  CHECK(store.misfits[0].reason.starts_with("too many destinations"));
  CHECK(store.misfits[1].row.destination == "d");
  CHECK(store.lanes[2].size() == 5);
}

TEST_CASE_FIXTURE(Fixture, "committer: a route's headers take the place of the publisher's properties, for their sink only") {
  Push("headers/graz");
  clock.Advance(milliseconds(100));
  CHECK(store.lanes[1].at(1).event.properties == std::vector<Property>{{"trace", "1"}, {"site", "graz"}});
  CHECK(store.lanes[1].at(1).bare);
  CHECK(store.lanes[2].at(1).event.properties.size() == 3);
  CHECK(!store.lanes[2].at(1).bare);
}

TEST_CASE_FIXTURE(Fixture, "committer: a duplicate is counted, makes no row, and is done after what came before it") {
  store.refuse_all = ErrorCode::kUnavailable;
  Push("one/1");
  clock.Advance(milliseconds(200));
  Push("one/1", Refusal::kDuplicate);
  clock.Advance(std::chrono::seconds(2));
  CHECK(inbox.DoneCount(connection) == 0);
  store.refuse_all.reset();
  clock.Advance(std::chrono::seconds(2));
  CHECK(inbox.DoneCount(connection) == 2);
  CHECK(store.lanes[1].size() == 1);
  std::uint64_t received = 0;
  std::uint64_t duplicate = 0;
  for (const SourceCount& count : store.sources) received += count.received, duplicate += count.duplicate;
  CHECK(received == 2);
  CHECK(duplicate == 1);
}

TEST_CASE_FIXTURE(Fixture, "committer: nothing is done while the store fails, and the same rows are tried again before any later one") {
  store.refuse_all = ErrorCode::kUnavailable;
  Push("one/1");
  clock.Advance(milliseconds(200));
  Push("one/2");
  clock.Advance(std::chrono::seconds(5));
  CHECK(store.commits > 5);
  CHECK(inbox.DoneCount(connection) == 0);
  CHECK(cloud.sent.empty());
  store.refuse_all.reset();
  clock.Advance(std::chrono::seconds(1));
  CHECK(inbox.DoneCount(connection) == 2);
  CHECK(cloud.sent == std::vector<Seq>{1, 2});
  CHECK(store.lanes[1].size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "committer: when rows are refused settling goes on alone, and rows follow when they are taken") {
  for (const ErrorCode why : {ErrorCode::kFull, ErrorCode::kUnavailable}) {
    CAPTURE(static_cast<int>(why));
    const std::uint64_t done = inbox.DoneCount(connection);
    Push("one/1");
    clock.Advance(milliseconds(100));
    store.refuse_rows = why;
    Push("one/2");
    clock.Advance(milliseconds(200));
    CHECK(inbox.DoneCount(connection) == done + 1);
    cloud.TellAll(Verdict::kDelivered);
    clock.Advance(std::chrono::seconds(2));
    CHECK(store.lanes[1].empty());
    store.refuse_rows.reset();
    clock.Advance(std::chrono::seconds(1));
    CHECK(inbox.DoneCount(connection) == done + 2);
    CHECK(store.lanes[1].size() == 1);
    cloud.TellAll(Verdict::kDelivered);
    clock.Advance(std::chrono::seconds(2));
  }
}

TEST_CASE_FIXTURE(Fixture, "committer: settled rows leave with the next transaction, or alone after a second") {
  Push("one/1");
  clock.Advance(milliseconds(100));
  cloud.TellAll(Verdict::kDelivered);
  clock.Advance(milliseconds(999));
  CHECK(store.commits == 1);
  clock.Advance(milliseconds(1));
  CHECK(store.commits == 2);
  CHECK(store.lanes[1].empty());
}

TEST_CASE_FIXTURE(Fixture, "committer: an urgent event does not wait until many rows are settled, but every other transaction settles") {
  inbox.SetUrgent([](const Event& event) { return event.topic == "one/alert"; });
  for (int i = 0; i < 200; ++i) Push("one/1");
  clock.RunTasks();
  cloud.TellAll(Verdict::kDelivered);
  Push("one/alert");
  clock.RunTasks();
  CHECK(inbox.DoneCount(connection) == 201);
  CHECK(store.lanes[1].size() == 201);
  Push("one/alert");
  clock.RunTasks();
  CHECK(inbox.DoneCount(connection) == 202);
  CHECK(store.lanes[1].size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "committer: flush makes everything durable at once, and says if it could not") {
  Push("one/1");
  bool clean = false;
  int calls = 0;
  auto flushed = [&](bool ok) {
    ++calls;
    clean = ok;
  };
  SUBCASE("healthy") {
    committer.Flush(flushed);
    clock.RunTasks();
    CHECK(clean);
    CHECK(inbox.DoneCount(connection) == 1);
  }
  SUBCASE("failing") {
    store.refuse_all = ErrorCode::kUnavailable;
    committer.Flush(flushed);
    clock.RunTasks();
    CHECK_FALSE(clean);
    CHECK(inbox.DoneCount(connection) == 0);
  }
  CHECK(calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "committer: an event that waits while the clock is set for the first time is sent with its right time") {
  const auto seconds = [](int count) { return WallTime(std::chrono::seconds(count)); };
  ClockReading& now = wall_clock.reading;
  now = {seconds(8), {1, std::chrono::seconds(100)}, false};
  Push("one/before");
  now = {seconds(1'700'000'005), {1, std::chrono::seconds(105)}, true};
  Push("one/after");
  clock.Advance(milliseconds(100));
  REQUIRE(cloud.rows.size() == 2);
  CHECK(cloud.rows[0].event.received == seconds(1'700'000'000));
  CHECK(cloud.rows[0].time_quality == TimeQuality::kCorrected);
  CHECK(cloud.rows[1].event.received == seconds(1'700'000'005));
  CHECK(cloud.rows[1].time_quality == TimeQuality::kSynchronized);
  CHECK(store.lanes[1].at(1).unsynchronized == BootTime{1, std::chrono::seconds(100)});
}

TEST_CASE_FIXTURE(Fixture,
                  "committer: while the clock is right, events bear the time of their receipt, also if the outbox is away for long") {
  store.refuse_all = ErrorCode::kUnavailable;
  const WallTime received = wall_clock.reading.wall;
  Push("one/1");
  clock.Advance(milliseconds(200));
  Push("one/2");
  wall_clock.reading.wall += std::chrono::hours(1);
  wall_clock.reading.boot.since_boot += std::chrono::hours(1);
  store.refuse_all.reset();
  clock.Advance(std::chrono::seconds(2));
  REQUIRE(cloud.rows.size() == 2);
  for (const Row& row : cloud.rows) {
    CHECK(row.event.received == received);
    CHECK(row.time_quality == TimeQuality::kSynchronized);
  }
}

// Lane 1 with rows 1 to 5, of which 2 is a dead letter and 5 is in flight; the others are delivered, and settled in so far as it says.
struct Replays : Fixture {
  std::vector<Result<void>> told;

  Replays() {
    for (int i = 0; i < 5; ++i) Push("one/" + std::to_string(i));
    clock.Advance(milliseconds(100));
    cloud.Tell(1, Verdict::kDelivered);
    cloud.Tell(2, Verdict::kRejected);
    cloud.TellDone();
    clock.RunTasks();
    cloud.Tell(2, Verdict::kRejected);
    cloud.TellDone();
    clock.RunTasks();
    cloud.Tell(3, Verdict::kDelivered);
    cloud.Tell(4, Verdict::kDelivered);
    cloud.TellDone();
    clock.RunTasks();
    REQUIRE(cloud.in_flight == std::vector<Seq>{5});
  }
  void Replay(std::vector<Seq> seqs) {
    REQUIRE(committer.Hold(1));
    committer.Replay({1, std::move(seqs)}, [this](Result<void> result) {
      told.push_back(std::move(result));
      committer.Release(1);
    });
    clock.RunTasks();
  }
  void Settle() { clock.Advance(std::chrono::seconds(2)); }
};

TEST_CASE_FIXTURE(Replays, "committer: a replayed row is sent under its seq before what follows it, and leaves only when it is delivered") {
  SUBCASE("what was delivered is settled already") {
    Settle();
  }
  SUBCASE("what was delivered is settled first") {
    CHECK(store.lanes[1].contains(4));
  }
  cloud.sent.clear();
  REQUIRE((store.dead_letters.contains(2) || store.lanes[1].contains(2)));
  Replay({2});
  REQUIRE(told.size() == 1);
  CHECK(told[0].has_value());
  CHECK(store.dead_letters.empty());
  CHECK(cloud.sent == std::vector<Seq>{2, 5});
  cloud.Tell(5, Verdict::kDelivered);
  cloud.TellDone();
  Settle();
  CHECK(store.lanes[1].contains(2));
  cloud.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(store.lanes[1].empty());
}

TEST_CASE_FIXTURE(Replays,
                  "committer: a replay whose transaction fails is tried until it is known, and its lane settles nothing meanwhile") {
  Settle();
  cloud.sent.clear();
  store.refuse_all = ErrorCode::kUnavailable;
  Replay({2});
  clock.Advance(std::chrono::seconds(5));
  CHECK(told.empty());
  CHECK(cloud.sent.empty());
  store.refuse_all.reset();
  clock.Advance(std::chrono::seconds(1));
  REQUIRE(told.size() == 1);
  CHECK(told[0].has_value());
  CHECK(cloud.sent == std::vector<Seq>{2, 5});
}

TEST_CASE_FIXTURE(Replays, "committer: once it is stopped nothing is committed, whoever asks, and replays fail") {
  Settle();
  store.refuse_all = ErrorCode::kUnavailable;
  Replay({2});
  Push("one/6");
  REQUIRE(told.empty());
  bool stopped = false;
  committer.Flush([&](bool clean) {
    CHECK_FALSE(clean);
    committer.Stop();
    stopped = true;
  });
  clock.RunTasks();
  REQUIRE(stopped);
  REQUIRE(told.size() == 1);
  CHECK_FALSE(told[0].has_value());
  store.refuse_all.reset();
  const int commits = store.commits;
  Push("one/7");
  committer.Publish(MakeOwnEvent("$sluice/status", "{}", wall_clock.Read()));
  Replay({2});
  clock.Advance(std::chrono::seconds(10));
  CHECK(store.commits == commits);
  CHECK(told.size() == 2);
  CHECK(inbox.DoneCount(connection) == 5);
  CHECK_FALSE(committer.Work().has_work);
}

TEST_CASE_FIXTURE(Replays, "committer: without room a replay is refused, and the lane goes on") {
  Settle();
  cloud.sent.clear();
  store.refuse_all = ErrorCode::kFull;
  Replay({2});
  REQUIRE(told.size() == 1);
  CHECK_FALSE(told[0].has_value());
  store.refuse_all.reset();
  clock.Advance(std::chrono::seconds(1));
  CHECK(cloud.sent == std::vector<Seq>{5});
  CHECK(store.dead_letters.contains(2));
}

TEST_CASE_FIXTURE(Replays, "committer: a replayed row that is refused again is a dead letter again, and holds up nothing") {
  Settle();
  Replay({2});
  for (int round = 0; round < 2; ++round) {
    cloud.Tell(2, Verdict::kRejected);
    cloud.TellDone();
    clock.RunTasks();
  }
  cloud.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(store.dead_letters.contains(2));
  CHECK(store.lanes[1].empty());
}

TEST_CASE_FIXTURE(Replays,
                  "committer: rows that are moved into a lane are sent in its order, also those younger than all that it has had") {
  Settle();
  cloud.sent.clear();
  for (const Seq seq : {3, 100}) store.lanes[9][seq].seq = seq;
  REQUIRE(committer.Hold(1));
  committer.Replay({.lane = 1, .seqs = {3, 100}, .bytes = 128, .from = LaneOrigin{.lane = 9}}, [this](Result<void> result) {
    told.push_back(std::move(result));
    committer.Release(1);
  });
  clock.RunTasks();
  REQUIRE(told.size() == 1);
  CHECK(cloud.sent == std::vector<Seq>{3, 5, 100});
  CHECK(store.lanes[9].empty());
  cloud.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(store.lanes[1].empty());
}

TEST_CASE_FIXTURE(Fixture, "committer: a lane that nobody forwards is not held") {
  CHECK_FALSE(committer.Hold(7));
}

/// Uplinks that are away: one or two rows of each lane are in flight, all others can be dropped if their class lets them.
struct Quota : Chain {
  Quota() : Chain(MakeChainConfig(), {2, 8u << 20}) {}
};

TEST_CASE_FIXTURE(Quota, "committer: at the cap the lowest class goes first, its oldest rows first, and only as the need is") {
  Publish("cloud/bulk/1", 50);
  Publish("cloud/normal/1", 50);
  Publish("cloud/alert/1", 50);
  Advance(std::chrono::seconds(1));
  REQUIRE(Done() == 150);
  store.max_rows = 150;
  Publish("cloud/normal/1", 5);
  Advance(std::chrono::seconds(1));
  CHECK(Done() == 155);
  REQUIRE_FALSE(store.dropped.empty());
  const std::size_t in_flight = Sink("cloud", "bulk").in_flight.size();
  CHECK(store.dropped.front() == in_flight + 1);
  CHECK(store.dropped.back() == in_flight + store.dropped.size());
  CHECK(store.dropped.size() < 30);
  CHECK(Rows("cloud", "normal").size() == 55);
  CHECK(Rows("cloud", "alert").size() == 50);
  // When it has no more to give, the next class does.
  Publish("cloud/alert/1", 60);
  Advance(std::chrono::seconds(10));
  CHECK(Done() == 215);
  CHECK(Rows("cloud", "bulk").size() == in_flight);
  CHECK(Rows("cloud", "normal").size() < 55);
  CHECK(Rows("cloud", "alert").size() == 110);
}

TEST_CASE_FIXTURE(Quota, "committer: a higher class gives nothing while the lowest has rows to give, however much is wanted") {
  Publish("cloud/bulk/1", 400);
  Publish("cloud/normal/1", 100);
  Advance(std::chrono::seconds(1));
  store.max_rows = 150;  // As after max_bytes was lowered: a drop frees much less than is wanted.
  Publish("cloud/alert/1", 1);
  Advance(std::chrono::seconds(1));
  CHECK(Done() == 501);
  CHECK(Rows("cloud", "normal").size() == 100);
  CHECK(Rows("cloud", "bulk").size() <= 49);
}

TEST_CASE_FIXTURE(Quota, "committer: of two lanes of a class the one with more bytes pays") {
  Publish("cloud/bulk/1", 20, 100);
  Publish("disk/bulk/1", 20, 900);
  Advance(std::chrono::seconds(1));
  store.max_rows = 40;
  Publish("cloud/alert/1", 1);
  Advance(std::chrono::seconds(1));
  CHECK(Done() == 41);
  CHECK(Rows("cloud", "bulk").size() == 20);
  CHECK(Rows("disk", "bulk").size() < 20);
}

TEST_CASE_FIXTURE(Quota, "committer: kept classes are never dropped; the sources wait until there is room, with few transactions") {
  Publish("cloud/alert/1", 100);
  Advance(std::chrono::seconds(1));
  store.max_rows = 100;
  Publish("cloud/alert/1", 10);
  const int commits = store.commits;
  Advance(std::chrono::seconds(30));
  CHECK(Done() == 100);
  CHECK(store.dropped.empty());
  CHECK(store.commits - commits <= 62);  // Twice a second.
  Deliver("cloud", std::chrono::seconds(10));
  CHECK(Done() == 110);
  CHECK(Sink("cloud", "alert").delivered.size() == 110);
}

TEST_CASE_FIXTURE(Quota, "committer: nothing is dropped for rows that what is settled makes room for") {
  Publish("cloud/bulk/1", 2);
  Publish("disk/bulk/1", 50);
  Advance(std::chrono::seconds(1));
  store.max_rows = 52;
  Sink("cloud", "bulk").TellAll(Verdict::kDelivered);
  Publish("cloud/normal/1", 2);
  Advance(std::chrono::seconds(1));
  CHECK(Done() == 54);
  CHECK(store.dropped.empty());
}

TEST_CASE_FIXTURE(Quota, "committer: a drop that failed is asked for again") {
  Publish("cloud/bulk/1", 50);
  Advance(std::chrono::seconds(1));
  store.max_rows = 50;
  store.refuse_drops = 3;
  Publish("cloud/normal/1", 1);
  Advance(std::chrono::seconds(10));
  CHECK(store.refuse_drops == 0);
  CHECK(Done() == 51);
  CHECK_FALSE(store.dropped.empty());
}

TEST_CASE_FIXTURE(Quota, "committer: drops grow as long as they free too little, so that much is dropped in few transactions") {
  Publish("cloud/bulk/1", 5'000);
  Advance(std::chrono::seconds(1));
  store.max_rows = 100;
  const int commits = store.commits;
  Publish("cloud/normal/1", 1);
  Advance(std::chrono::seconds(5));
  CHECK(Done() == 5'001);
  CHECK(store.commits - commits < 60);  // 2,000 bytes at a time would have been 400.
}

TEST_CASE_FIXTURE(Quota, "committer: an event of the urgent class does not wait for others") {
  Publish("cloud/normal/1");
  clock.RunTasks();
  CHECK(store.commits == 0);
  Publish("cloud/alert/1");
  clock.RunTasks();
  CHECK(Done() == 2);
}

TEST_CASE_FIXTURE(Quota, "committer: what the gateway publishes is routed and counted like any event, under a name that no source has") {
  Event event;
  event.topic = "$sluice/status";
  event.payload = "{}";
  SUBCASE("routed") {
    committer.Publish(event);
    clock.RunTasks();  // Its class is urgent.
    REQUIRE(Rows("cloud", "alert").size() == 1);
    CHECK(Rows("cloud", "alert").at(1).source == "$sluice");
    CHECK(Sink("cloud", "alert").sent == std::vector<Seq>{1});
    CHECK(store.sources.at(0).routed == 1);
  }
  SUBCASE("routed nowhere") {
    event.topic = "$other";
    committer.Publish(event);
    Advance(std::chrono::seconds(1));
    CHECK(store.sources.at(0).unrouted == 1);
  }
  CHECK(store.sources.at(0).source == "$sluice");
}

TEST_CASE_FIXTURE(Quota, "committer: a gap is told in the transaction of its record, and not before that succeeds") {
  Publish("cloud/bulk/1", 10);
  Advance(std::chrono::seconds(1));
  store.max_rows = 10;
  Publish("cloud/bulk/1", 1);
  Advance(std::chrono::seconds(1));
  REQUIRE(store.gaps.size() == 1);
  store.max_rows = SIZE_MAX;
  store.refuse_all = ErrorCode::kUnavailable;
  Event record;
  record.topic = "$sluice/gaps";
  committer.Publish(record, {store.gaps[0]});
  Advance(std::chrono::seconds(2));
  CHECK(store.gaps.size() == 1);
  store.refuse_all.reset();
  Advance(std::chrono::seconds(1));
  CHECK(store.gaps.empty());
  CHECK(store.batches.back().told_gaps.size() == 1);
  CHECK(Rows("cloud", "alert").size() == 1);
}

TEST_CASE_FIXTURE(Quota, "committer: only rows of kept classes and of the gateway itself may use what is held back") {
  Publish("cloud/alert/1");
  Advance(std::chrono::seconds(1));
  CHECK(store.batches.back().reserved);
  Publish("cloud/alert/1");
  Publish("cloud/bulk/1");
  Advance(std::chrono::seconds(1));
  CHECK_FALSE(store.batches.back().reserved);
  Event status;
  status.topic = "$sluice/status";
  committer.Publish(status);
  Advance(std::chrono::seconds(1));
  CHECK(store.batches.back().reserved);
}

TEST_CASE("committer: rows bear the deadline of their route on the running time; gap records none") {
  Config config = MakeChainConfig();
  for (RouteConfig& route : config.routes) route.ttl = std::chrono::seconds(60);
  Chain chain(config, {2, 8u << 20});
  chain.Advance(std::chrono::seconds(5));
  chain.Publish("cloud/bulk/1");
  Event record;
  record.topic = kGapsTopic;
  chain.committer.Publish(record);
  chain.Advance(std::chrono::seconds(1));
  const RunningTime deadline = chain.Rows("cloud", "bulk").begin()->second.deadline.value();
  CHECK(deadline >= std::chrono::seconds(65));
  CHECK(deadline <= std::chrono::seconds(65) + milliseconds(110));
  CHECK_FALSE(chain.Rows("cloud", "alert").begin()->second.deadline.has_value());
  CHECK(chain.store.batches.back().clock.running >= std::chrono::seconds(5));
}

}  // namespace
}  // namespace sluice
