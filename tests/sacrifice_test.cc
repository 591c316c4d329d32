// Who gives up events when the outbox is full.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/committer.h"
#include "tests/fakes.h"

namespace sluice {
namespace {

constexpr std::size_t kNormal = 1;
constexpr std::size_t kBulk = 2;

Config MakeConfig() {
  Config config;
  config.sinks.resize(2);
  config.sinks[0].name = "a";
  config.sinks[1].name = "b";
  config.routes.push_back({.name = "all", .match = {"#"}, .except = {}, .key = "", .to = {{"a", "t"}, {"b", "t"}}});
  return config;
}

// Four lanes with a backlog, of which each sends one row and gets no answer. Their order: a/normal, a/bulk, b/normal, b/bulk.
struct Fixture {
  FakeClock clock;
  FakeStore store{clock};
  FakeWallClock wall_clock;
  Router router = *Router::Create(MakeConfig());
  Inbox inbox{{.max_events = 10'000, .max_bytes = 1u << 24, .cut_events = 100, .cut_bytes = 1u << 18},
              [this] { clock.Post([this] { committer.OnInbox(); }); }};
  Destinations destinations{{2, 2}};
  RunningClock running_clock{{}, wall_clock.reading};
  UploadShare shares[2] = {{{1, 1}, {}}, {{1, 1}, {}}};
  Committer committer{{.commit_every = std::chrono::milliseconds(100), .last_seq = 10'000, .drop_bytes = 1},
                      {router, destinations, inbox, store, clock, wall_clock, running_clock},
                      {[] {}, [] {}}};
  std::vector<std::unique_ptr<FakeSink>> sinks;
  std::vector<std::unique_ptr<Forwarder>> forwarders;
  std::vector<LaneSlot> slots;
  const std::string source = "local";

  void Start(const std::vector<std::size_t>& backlogs) {
    for (std::size_t i = 0; i < backlogs.size(); ++i) AddLane(static_cast<LaneId>(i + 1), i / 2, i % 2 == 0 ? kNormal : kBulk, backlogs[i]);
    committer.SetLanes(slots);
    for (auto& forwarder : forwarders) forwarder->Start();
    clock.RunTasks();
  }
  void AddLane(LaneId id, std::size_t sink, std::size_t lane_class, std::size_t rows) {
    LaneState state{id, "s", "c", 0, rows, 0};
    for (Seq seq = 1; seq <= rows; ++seq) {
      Row& row = store.lanes[id][seq];
      row.seq = state.last_seq = seq;
      row.previous = seq - 1;
      state.pending_bytes += Footprint(row);
    }
    sinks.push_back(std::make_unique<FakeSink>(clock));
    const Forwarder::Surroundings surroundings{store, clock, wall_clock, shares[sink], [] { return RunningTime(0); }};
    forwarders.push_back(std::make_unique<Forwarder>(state, Forwarder::Options{.sink = "s", .lane_class = "c"}, sinks.back().get(),
                                                     surroundings, [this] { committer.OnSettled(); }));
    slots.push_back({id, lane_class, OnFull::kDropOldest, state.last_seq, forwarders.back().get(), sink});
  }
  void PushIntoAFullOutbox() {
    store.max_rows = 0;
    for (const auto& [lane, rows] : store.lanes) store.max_rows += rows.size();
    Event event;
    event.topic = "x";
    event.qos = 1;
    inbox.Push(inbox.OpenConnection(source), std::move(event));
    clock.Advance(std::chrono::seconds(5));
  }
  std::size_t Lost(LaneId lane) const {
    std::size_t events = 0;
    for (const Gap& gap : store.gaps) events += gap.lane == lane ? gap.events : 0;
    return events;
  }
};

TEST_CASE_FIXTURE(Fixture, "committer: a sink that keeps up gives up nothing, not even of the lowest class, for one that does not") {
  Start({100, 0, 0, 10});
  PushIntoAFullOutbox();
  CHECK(Lost(1) > 0);
  CHECK(Lost(4) == 0);
}

TEST_CASE_FIXTURE(Fixture, "committer: of sinks that are behind, the lowest class pays first, and within it the lane with most") {
  Start({100, 40, 100, 60});
  PushIntoAFullOutbox();
  CHECK(Lost(4) > 0);
  CHECK(Lost(1) + Lost(2) + Lost(3) == 0);
}

}  // namespace
}  // namespace sluice
