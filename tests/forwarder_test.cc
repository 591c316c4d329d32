#include "gateway/forwarder.h"

#include <doctest/doctest.h>

#include <numeric>
#include <optional>
#include <random>
#include <set>

#include "tests/fakes.h"

namespace sluice {
namespace {

constexpr LaneId kLane = 1;
constexpr UploadShare::Window kWindow{4'000, 8u << 20};

std::vector<Row> Rows(Seq first, Seq last, std::size_t payload = 10) {
  std::vector<Row> rows;
  for (Seq seq = first; seq <= last; ++seq) {
    Row& row = rows.emplace_back();
    row.seq = seq;
    row.previous = seq - 1;
    row.event.topic = "plant/1";
    row.event.payload.assign(payload, 'x');
  }
  return rows;
}

std::vector<Seq> Sequence(Seq first, Seq last) {
  std::vector<Seq> seqs(last - first + 1);
  std::iota(seqs.begin(), seqs.end(), first);
  return seqs;
}

struct Fixture {
  FakeClock clock;
  FakeWallClock wall_clock;
  FakeStore store{clock};
  FakeSink sink{clock};
  std::optional<UploadShare> share{std::in_place, kWindow, UploadLimit{}};
  RunningTime running{0};
  int settled = 0;
  bool has_sink = true;
  int recovered = 0;
  std::unique_ptr<Forwarder> forwarder;

  void Start(std::uint64_t backlog = 0) {
    for (Row& row : Rows(1, backlog)) store.lanes[kLane][row.seq] = row;
    Start(LaneState{kLane, "cloud", "normal", backlog, backlog, backlog * 100});
  }
  void Start(const LaneState& lane) {
    forwarder = std::make_unique<Forwarder>(
        lane, Forwarder::Options{.sink = "cloud", .lane_class = "normal"}, has_sink ? &sink : nullptr,
        Forwarder::Surroundings{store, clock, wall_clock, *share, [this] { return running; }, [this] { ++recovered; }},
        [this] { ++settled; });
    forwarder->Start();
    clock.RunTasks();
  }
  void Commit(std::vector<Row> rows) {
    for (const Row& row : rows) store.lanes[kLane][row.seq] = row;
    forwarder->OnCommitted(std::move(rows));
    clock.RunTasks();
  }
  void Settle() {
    Batch batch;
    forwarder->TakeSettled(batch);
    CommitSettling(std::move(batch));
  }
  /// As the committer does: tells what became of the drops.
  void CommitSettling(Batch batch) {
    store.Commit(std::move(batch), [this](Result<void> done, Batch answer) {
      for (std::size_t i = 0; i < answer.drops.size(); ++i) {
        if (answer.drops[i].IsOpen()) forwarder->OnDropped(done ? &answer.dropped[i] : nullptr);
      }
    });
    clock.RunTasks();
  }
  void DropAtQuota(Bytes bytes) {
    Batch batch;
    batch.drops.push_back(forwarder->BeginDrop(bytes));
    CommitSettling(std::move(batch));
  }
  std::size_t OnDisk() { return store.lanes[kLane].size(); }
};

TEST_CASE_FIXTURE(Fixture, "forwarder: a committed row goes from memory to the sink and is settled only after its verdict") {
  Start();
  Commit(Rows(1, 3));
  CHECK(sink.sent == Sequence(1, 3));
  CHECK(store.reads == 0);
  Settle();
  CHECK(OnDisk() == 3);
  sink.TellAll(Verdict::kDelivered);
  CHECK(settled > 0);
  Settle();
  CHECK(OnDisk() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: reports out of order settle only the prefix") {
  Start();
  Commit(Rows(1, 4));
  for (Seq seq : {4, 2, 1}) sink.Tell(seq, Verdict::kDelivered);
  sink.TellDone();
  Settle();
  CHECK(OnDisk() == 2);
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a backlog drains from disk and then goes on from memory, in order, each row once") {
  Start(10'000);
  Seq next = 10'001;
  while (sink.delivered.size() < 10'000) {
    REQUIRE_FALSE(sink.in_flight.empty());
    Commit(Rows(next, next + 9));
    next += 10;
    sink.TellAll(Verdict::kDelivered);
    clock.RunTasks();
  }
  while (!sink.in_flight.empty()) {
    sink.TellAll(Verdict::kDelivered);
    clock.RunTasks();
  }
  const int reads = store.reads;
  Commit(Rows(next, next + 9));
  CHECK(store.reads == reads);
  CHECK(sink.sent == Sequence(1, next + 9));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a row that was read before it was known that its commit had succeeded is sent once") {
  for (Row& row : Rows(1, 4)) store.lanes[kLane][row.seq] = row;
  Start(LaneState{kLane, "cloud", "normal", 3, 3, 300});
  REQUIRE(sink.sent == Sequence(1, 4));
  Commit(Rows(4, 4));
  Commit(Rows(5, 5));
  CHECK(sink.sent == Sequence(1, 5));
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: what was delivered before a rewind settles when its place has come again, without another verdict") {
  Start();
  Commit(Rows(1, 2));
  sink.Tell(2, Verdict::kDelivered);
  sink.Tell(1, Verdict::kRetry);
  sink.TellDone();
  clock.Advance(std::chrono::minutes(2));
  REQUIRE(sink.in_flight == std::vector<Seq>{1});
  sink.TellAll(Verdict::kDelivered);
  Settle();
  clock.RunTasks();
  Settle();
  CHECK(OnDisk() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: what is in flight is bounded in events and in bytes") {
  Start();
  SUBCASE("events") {
    Commit(Rows(1, 9'000));
    CHECK(sink.in_flight.size() == kWindow.events);
  }
  SUBCASE("bytes") {
    for (Seq seq = 1; seq <= 20; ++seq) Commit(Rows(seq, seq, 1u << 20));
    CHECK(sink.in_flight.size() == 7);  // An eighth would pass the 8 MiB.
  }
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a sink that is away costs no memory beyond the bound, and nothing is lost") {
  Start();
  for (Seq seq = 1; seq <= 30'000; seq += 100) Commit(Rows(seq, seq + 99));
  CHECK(sink.in_flight.size() == kWindow.events);
  while (!sink.in_flight.empty()) {
    sink.TellAll(Verdict::kDelivered);
    clock.RunTasks();
  }
  CHECK(sink.sent == Sequence(1, 30'000));
}

TEST_CASE_FIXTURE(Fixture,
                  "forwarder: after a rejection nothing overtakes: the lane goes back, sends what was rejected alone, then streams again") {
  Start();
  Commit(Rows(1, 100));
  for (Seq seq = 1; seq <= 49; ++seq) sink.Tell(seq, Verdict::kDelivered);
  sink.Tell(50, Verdict::kRejected);
  for (Seq seq = 51; seq <= 60; ++seq) sink.Tell(seq, Verdict::kRetry);
  sink.TellDone();
  sink.sent.clear();
  clock.RunTasks();
  REQUIRE(sink.in_flight == std::vector<Seq>{50});
  sink.TellAll(Verdict::kRejected);
  clock.RunTasks();
  CHECK(sink.in_flight == Sequence(51, 100));
  sink.TellAll(Verdict::kDelivered);
  CHECK(sink.sent == Sequence(50, 100));
  Settle();
  CHECK(OnDisk() == 0);
  CHECK(store.dead_letters == std::map<Seq, std::string>{{50, "told to"}});

  Commit(Rows(101, 110));
  CHECK(sink.in_flight == Sequence(101, 110));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a row refused in a crowd is not set aside, only one refused alone") {
  Start();
  Commit(Rows(1, 2));
  sink.TellAll(Verdict::kRejected);
  clock.RunTasks();
  Settle();
  CHECK(store.dead_letters.empty());
  sink.TellAll(Verdict::kDelivered);
  clock.RunTasks();
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
  CHECK(store.dead_letters.empty());
}

/// A sink that takes what it has in flight as a whole, or rejects it as a whole if there is poison in it.
struct WholeBatches : Fixture {
  std::set<Seq> poison;
  int rounds = 0;

  void Run() {
    for (; !sink.in_flight.empty(); ++rounds) {
      REQUIRE(rounds < 100'000);
      const bool bad = std::any_of(sink.in_flight.begin(), sink.in_flight.end(), [&](Seq seq) { return poison.contains(seq); });
      sink.TellAll(bad ? Verdict::kRejected : Verdict::kDelivered);
      clock.RunTasks();
    }
    Settle();
    CHECK(OnDisk() == 0);
  }
  void CheckOutcome(Seq last) {
    std::set<Seq> dead;
    for (const auto& [seq, reason] : store.dead_letters) dead.insert(seq);
    CHECK(dead == poison);
    std::vector<Seq> good = Sequence(1, last);
    std::erase_if(good, [&](Seq seq) { return poison.contains(seq); });
    CHECK(sink.delivered == good);
  }
};

TEST_CASE_FIXTURE(WholeBatches,
                  "forwarder: one poison in a crowd of 4,000 that is refused as a whole costs 2 log2(n) rounds, and the crowd is sent "
                  "three times at most") {
  poison = {2'717};
  SUBCASE("in the middle") {}
  SUBCASE("first") {
    poison = {1};
  }
  SUBCASE("last") {
    poison = {4'000};
  }
  Start();
  Commit(Rows(1, 4'000));
  REQUIRE(sink.in_flight.size() == 4'000);
  Run();
  CheckOutcome(4'000);
  CHECK(rounds <= 26);
  CHECK(sink.sent.size() <= 12'000);
}

TEST_CASE_FIXTURE(WholeBatches, "forwarder: a lane full of poison is set aside with some three sends a row") {
  for (Seq seq = 1; seq <= 500; ++seq) poison.insert(seq);
  Start();
  Commit(Rows(1, 500));
  Run();
  CheckOutcome(500);
  CHECK(sink.sent.size() <= 4 * 500);
  CHECK(recovered == 0);  // It was never away.
}

TEST_CASE_FIXTURE(WholeBatches,
                  "forwarder: whichever rows are poison, only they are set aside, and the others are delivered once and in order") {
  std::mt19937 random(3);
  Start();
  Seq last = 0;
  for (int round = 0; round < 200; ++round) {
    const Seq first = last + 1;
    last += 1 + random() % 60;
    const auto density = 1 + random() % 40;
    for (Seq seq = first; seq <= last; ++seq) {
      if (random() % density == 0) poison.insert(seq);
    }
    Commit(Rows(first, last));
    if (random() % 3 == 0) Run();
  }
  Run();
  CheckOutcome(last);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: what was delivered out of order before a refusal is not sent again") {
  Start();
  Commit(Rows(1, 3));
  sink.Tell(2, Verdict::kDelivered);
  sink.Tell(1, Verdict::kRetry);
  sink.TellDone();
  sink.sent.clear();
  clock.Advance(std::chrono::minutes(1));
  sink.TellAll(Verdict::kDelivered);
  clock.RunTasks();
  sink.TellAll(Verdict::kDelivered);
  CHECK(sink.sent == std::vector<Seq>{1, 3});
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a transient failure is tried again without end, with growing, capped pauses") {
  Start();
  Commit(Rows(1, 1));
  for (int attempt = 1; attempt <= 100; ++attempt) {
    sink.TellAll(Verdict::kRetry);
    clock.RunTasks();
    REQUIRE(sink.in_flight.empty());  // Never at once.
    clock.Advance(std::chrono::seconds(30));
    REQUIRE(sink.in_flight == std::vector<Seq>{1});
  }
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a sink that says nothing for long is started anew, and what it had is sent again in order") {
  Start();
  Commit(Rows(1, 10));
  clock.Advance(Forwarder::kStall - std::chrono::seconds(1));
  CHECK(sink.resets == 0);
  sink.Tell(1, Verdict::kDelivered);
  sink.TellDone();
  clock.Advance(std::chrono::seconds(2));
  CHECK(sink.resets == 0);
  sink.sent.clear();
  clock.Advance(Forwarder::kStall + std::chrono::minutes(1));
  CHECK(sink.resets == 1);
  CHECK(sink.sent == Sequence(2, 10));
  sink.TellAll(Verdict::kDelivered);
  clock.Advance(2 * Forwarder::kStall);
  CHECK(sink.resets == 1);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a damaged row is never sent; it is set aside and the others pass") {
  store.damaged = {2};
  Start(3);
  CHECK(sink.sent == std::vector<Seq>{1, 3});
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
  CHECK(store.dead_letters == std::map<Seq, std::string>{{2, "damaged"}});
}

TEST_CASE_FIXTURE(Fixture, "forwarder: close waits for verdicts, and settles what they say") {
  Start();
  Commit(Rows(1, 2));
  bool closed = false;
  forwarder->Close(std::chrono::seconds(5), [&] { closed = true; });
  Commit(Rows(3, 3));
  CHECK(sink.sent == Sequence(1, 2));
  CHECK_FALSE(sink.is_closed);
  sink.TellAll(Verdict::kDelivered);
  clock.RunTasks();
  CHECK(closed);
  Settle();
  CHECK(OnDisk() == 1);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: close does not wait for ever") {
  Start();
  Commit(Rows(1, 2));
  bool closed = false;
  forwarder->Close(std::chrono::seconds(5), [&] { closed = true; });
  clock.Advance(std::chrono::seconds(6));
  CHECK(closed);
  Settle();
  CHECK(OnDisk() == 2);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a held lane sends and settles nothing; released, it sends again what it had given up") {
  Start();
  Commit(Rows(1, 3));
  sink.Tell(1, Verdict::kDelivered);
  sink.TellDone();
  REQUIRE(forwarder->Hold());
  REQUIRE(forwarder->Hold());
  clock.Advance(2 * Forwarder::kStall);
  CHECK(sink.resets == 1);
  Commit(Rows(4, 4));
  sink.sent.clear();
  forwarder->Release();
  clock.RunTasks();
  CHECK(sink.sent.empty());
  forwarder->Release();
  clock.RunTasks();
  CHECK(sink.sent == Sequence(2, 4));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a lane whose sink is away is held and released without a try before its time") {
  Start();
  Commit(Rows(1, 2));
  sink.TellAll(Verdict::kRetry);
  clock.RunTasks();
  sink.sent.clear();
  REQUIRE(forwarder->Hold());
  forwarder->Release();
  clock.RunTasks();
  CHECK(sink.sent.empty());
  clock.Advance(std::chrono::minutes(1));
  CHECK(sink.sent == Sequence(1, 2));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a lane that is closing is not held: its last verdicts are awaited") {
  Start();
  Commit(Rows(1, 1));
  forwarder->Close(std::chrono::seconds(5), [] {});
  CHECK_FALSE(forwarder->Hold());
  CHECK(sink.in_flight == Sequence(1, 1));
}

std::vector<Row> Expiring(std::vector<Row> rows, RunningTime deadline) {
  for (Row& row : rows) row.deadline = deadline;
  return rows;
}

TEST_CASE_FIXTURE(Fixture, "forwarder: rows that are too old before they are given to the sink are dropped in a crowd; later ones pass") {
  for (Row& row : Expiring(Rows(1, 500), RunningTime(1'000))) store.lanes[kLane][row.seq] = row;
  for (Row& row : Rows(501, 510)) store.lanes[kLane][row.seq] = row;
  running = RunningTime(1'001);
  const LaneState lane{kLane, "cloud", "normal", 510, 510, 50'000};
  Start(lane);
  CHECK(sink.sent.empty());
  CHECK(settled > 0);
  Settle();
  CHECK(store.dropped == Sequence(1, 500));
  REQUIRE(store.gaps.size() == 1);
  CHECK(store.gaps[0].events == 500);
  CHECK(store.gaps[0].reason == DropReason::kExpired);
  CHECK(sink.sent == Sequence(501, 510));
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
  CHECK(sink.delivered == Sequence(501, 510));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a row is given to the sink until the very end of its time") {
  running = RunningTime(1'000);
  Start();
  Commit(Expiring(Rows(1, 1), RunningTime(1'000)));
  CHECK(sink.sent == Sequence(1, 1));
}

TEST_CASE_FIXTURE(Fixture,
                  "forwarder: a row that was given before and is too old when its turn comes again is dropped alone, and not sent") {
  Start();
  Commit(Expiring(Rows(1, 3), RunningTime(1'000)));
  Commit(Rows(4, 4));
  sink.Tell(2, Verdict::kDelivered);
  sink.Tell(1, Verdict::kRetry);
  sink.TellDone();
  sink.sent.clear();
  running = RunningTime(2'000);
  clock.Advance(std::chrono::minutes(1));
  CHECK(sink.sent == Sequence(4, 4));
  Settle();
  // 2 was delivered, so it is not dropped.
  CHECK(store.dropped == std::vector<Seq>{1, 3});
  CHECK(OnDisk() == 1);
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
  CHECK(store.batches.back().settles.at(0).through == 4);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: rows behind a sink that is away expire too, but none that it was given") {
  share.emplace(UploadShare::Window{10, 8u << 20}, UploadLimit{});
  Start();
  Commit(Expiring(Rows(1, 50), RunningTime(1'000)));
  CHECK(sink.in_flight == Sequence(1, 10));
  clock.Advance(std::chrono::minutes(1));
  CHECK(settled == 0);
  running = RunningTime(2'000);
  clock.Advance(std::chrono::seconds(11));
  CHECK(settled > 0);
  Settle();
  CHECK(store.dropped == Sequence(11, 50));
  sink.TellAll(Verdict::kDelivered);
  Settle();
  CHECK(OnDisk() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: crowds of expired rows follow one another without waiting, as long as they are crowds") {
  for (Row& row : Expiring(Rows(1, 12'000), RunningTime(1'000))) store.lanes[kLane][row.seq] = row;
  running = RunningTime(1'001);
  Start({kLane, "cloud", "normal", 12'000, 12'000, 1'200'000});
  CHECK_FALSE(forwarder->IsExpiringCrowd());
  Settle();
  CHECK(store.dropped.size() == kDropRows);
  CHECK(forwarder->IsExpiringCrowd());
  Settle();
  Settle();
  CHECK(store.dropped.size() == 12'000);
  CHECK_FALSE(forwarder->IsExpiringCrowd());
  CHECK(OnDisk() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a drop at the quota never touches what the sink was given, and sends nothing until it is done") {
  share.emplace(UploadShare::Window{10, 8u << 20}, UploadLimit{});
  Start();
  Commit(Rows(1, 50));
  const LaneDrop drop = forwarder->BeginDrop(1u << 20);
  CHECK(drop.after == 10);
  CHECK(forwarder->DroppableBytes() == 0);
  sink.TellAll(Verdict::kDelivered);
  Commit(Rows(51, 51));
  CHECK(sink.sent == Sequence(1, 10));
  Batch batch;
  batch.drops.push_back(drop);
  CommitSettling(std::move(batch));
  CHECK(store.dropped == Sequence(11, 51));
  Commit(Rows(52, 53));
  CHECK(sink.sent.back() == 53);
  CHECK(sink.sent.size() == 12);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a drop after a rewind spares the rows that were given before the rewind") {
  Start();
  Commit(Rows(1, 5));
  sink.TellAll(Verdict::kRetry);
  clock.RunTasks();
  CHECK(forwarder->BeginDrop(1).after == 5);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: after a drop the rows behind it are read and sent, in order, from memory again in the end") {
  share.emplace(UploadShare::Window{10, 8u << 20}, UploadLimit{});
  Start();
  Commit(Rows(1, 50));
  DropAtQuota(20 * Footprint(Rows(1, 1)[0]));
  CHECK(store.dropped == Sequence(11, 30));
  while (!sink.in_flight.empty()) {
    sink.TellAll(Verdict::kDelivered);
    clock.RunTasks();
  }
  CHECK(sink.delivered.size() == 30);
  CHECK(sink.sent[10] == 31);
  const int reads = store.reads;
  Commit(Rows(51, 52));
  CHECK(store.reads == reads);
  CHECK(sink.sent.back() == 52);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: what could be dropped is all that is not in flight, and nothing once a drop has found nothing") {
  share.emplace(UploadShare::Window{10, 8u << 20}, UploadLimit{});
  Start();
  Commit(Rows(1, 50));
  const std::size_t size = Footprint(Rows(1, 1)[0]);
  CHECK(forwarder->DroppableBytes() == 40 * size);
  DropAtQuota(15 * size);
  CHECK(forwarder->DroppableBytes() == 25 * size);
  store.lanes[kLane].erase(store.lanes[kLane].upper_bound(10), store.lanes[kLane].end());
  DropAtQuota(size);
  CHECK(forwarder->DroppableBytes() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: what a drop of unknown outcome may have taken is not sent from memory") {
  share.emplace(UploadShare::Window{10, 8u << 20}, UploadLimit{});
  Start();
  Commit(Rows(1, 30));
  (void)forwarder->BeginDrop(1u << 20);
  // It was done, but the answer says that it failed.
  auto& rows = store.lanes[kLane];
  rows.erase(rows.upper_bound(10), rows.upper_bound(20));
  forwarder->OnDropped(nullptr);
  sink.TellAll(Verdict::kDelivered);
  clock.RunTasks();
  CHECK(sink.in_flight == Sequence(21, 30));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a crowd whose drop failed is asked for again") {
  running = RunningTime(2'000);
  store.refuse_drops = 1;
  Start();
  Commit(Expiring(Rows(1, 10), RunningTime(1'000)));
  Settle();
  CHECK(store.dropped.empty());
  CHECK(sink.sent.empty());
  Settle();
  CHECK(store.dropped == Sequence(1, 10));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: rows whose sink is not configured any more wait, can all be dropped, and hold up no end") {
  has_sink = false;
  Start(50);
  CHECK(forwarder->Status().state == "orphaned");
  CHECK_FALSE(forwarder->Hold());
  DropAtQuota(20 * Footprint(Rows(1, 1)[0]));
  CHECK(store.dropped == Sequence(1, 20));
  clock.Advance(std::chrono::hours(1));
  CHECK(OnDisk() == 30);
  int closed = 0;
  forwarder->Close(std::chrono::seconds(5), [&] { ++closed; });
  clock.RunTasks();
  CHECK(closed == 1);
  CHECK(sink.sent.empty());
}

TEST_CASE_FIXTURE(Fixture, "forwarder: rows whose sink is not configured any more expire like others") {
  has_sink = false;
  for (Row& row : Expiring(Rows(1, 10), RunningTime(1'000))) store.lanes[kLane][row.seq] = row;
  Start(LaneState{kLane, "cloud", "normal", 10, 10, 1'000});
  running = RunningTime(2'000);
  clock.Advance(std::chrono::seconds(10));
  CHECK(settled == 1);
  Settle();
  CHECK(store.dropped == Sequence(1, 10));
}

TEST_CASE_FIXTURE(Fixture, "forwarder: closing while a drop is under way sends nothing any more, and is over when the sink is closed") {
  share.emplace(UploadShare::Window{10, 8u << 20}, UploadLimit{});
  Start();
  Commit(Rows(1, 50));
  const LaneDrop drop = forwarder->BeginDrop(1);
  bool closed = false;
  forwarder->Close(std::chrono::seconds(5), [&] { closed = true; });
  Batch batch;
  batch.drops.push_back(drop);
  CommitSettling(std::move(batch));
  sink.TellAll(Verdict::kDelivered);
  clock.RunTasks();
  CHECK(closed);
  CHECK(sink.sent == Sequence(1, 10));
  CHECK(forwarder->DroppableBytes() == 0);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a lane of which all was dropped does not think that its sink hangs") {
  Start();
  Commit(Expiring(Rows(1, 3), RunningTime(1'000)));
  sink.TellAll(Verdict::kRetry);
  running = RunningTime(2'000);
  clock.Advance(std::chrono::minutes(1));
  CHECK(sink.resets == 1);
  clock.Advance(2 * Forwarder::kStall);
  CHECK(sink.resets == 1);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: an event that came before the clock was set bears the right time if it is sent after") {
  Row row = Rows(1, 1)[0];
  row.event.received = WallTime(std::chrono::seconds(5));
  row.unsynchronized = BootTime{1, std::chrono::seconds(40)};
  wall_clock.reading = {WallTime(std::chrono::seconds(65)), {1, std::chrono::seconds(100)}, false};
  Start();
  SUBCASE("not set yet") {
    Commit({row});
    CHECK(sink.rows.at(0).event.received == WallTime(std::chrono::seconds(5)));
    CHECK(sink.rows.at(0).time_quality == TimeQuality::kUnsynchronized);
  }
  SUBCASE("set meanwhile") {
    wall_clock.reading.wall = WallTime(std::chrono::seconds(1'700'000'060));
    wall_clock.reading.synchronized = true;
    Commit({row});
    CHECK(sink.rows.at(0).event.received == WallTime(std::chrono::seconds(1'700'000'000)));
    CHECK(sink.rows.at(0).time_quality == TimeQuality::kCorrected);
  }
}

TEST_CASE_FIXTURE(Fixture, "forwarder: under an upload limit rows leave at its pace, without a verdict to push them") {
  share.emplace(kWindow, UploadLimit{.events_per_s = 10, .bytes_per_s = 0});
  clock.Advance(std::chrono::seconds(10));
  Start();
  Commit(Rows(1, 1'000));
  const std::size_t burst = sink.sent.size();
  CHECK(burst <= 4);
  clock.Advance(std::chrono::seconds(10));
  CHECK(sink.sent.size() - burst >= 98);
  CHECK(sink.sent.size() - burst <= 101);
}

TEST_CASE_FIXTURE(Fixture,
                  "forwarder: a sink in trouble is not up once a row waits in it, and has recovered with the next delivery, once") {
  Start();
  sink.TellTrouble();
  CHECK(forwarder->IsUp());  // Nothing waits: it may be over already.
  CHECK(forwarder->Status().last_error == "away");
  Commit(Rows(1, 2));
  CHECK(!forwarder->IsUp());
  CHECK(recovered == 0);
  sink.TellAll(Verdict::kDelivered);
  CHECK(forwarder->IsUp());
  CHECK(recovered == 1);
}

TEST_CASE_FIXTURE(Fixture, "forwarder: a sink that was in trouble and failed rows has recovered once") {
  Start();
  sink.TellTrouble();
  Commit(Rows(1, 2));
  sink.TellAll(Verdict::kRetry);
  clock.Advance(std::chrono::minutes(1));
  CHECK(recovered == 0);
  sink.TellAll(Verdict::kDelivered);
  CHECK(recovered == 1);
}

}  // namespace
}  // namespace sluice
