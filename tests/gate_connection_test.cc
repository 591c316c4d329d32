#include "drivers/gate_connection.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/run_until.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

const std::string kSource = "local";
constexpr std::size_t kAckBytes = 4;

Event MakeEvent(std::size_t size = 1) {
  Event event;
  event.topic = "t";
  event.payload.assign(size, 'x');
  return event;
}

/// A gate connection between two sockets whose other ends the test holds: the broker's and the client library's.
struct Fixture {
  Loop loop;
  Inbox inbox{{.max_events = 1'000'000, .max_bytes = 1u << 30, .cut_events = 500, .cut_bytes = 1u << 20}, [] {}};
  ConnectionId id = inbox.OpenConnection(kSource);
  int broker = -1;
  int client = -1;
  std::vector<GateEnd> ends;
  std::unique_ptr<GateConnection> gate;

  void Open(milliseconds hold_limit = milliseconds(60'000)) {
    gate = std::make_unique<GateConnection>(loop, inbox, id, MakeSocket(broker), hold_limit,
                                            [this](GateEnd end, const std::string&) { ends.push_back(end); });
    gate->Join(MakeSocket(client));
  }
  ~Fixture() {
    gate.reset();
    ::close(broker);
    ::close(client);
  }
  std::unique_ptr<Socket> MakeSocket(int& other) {
    int ends_of_pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of_pair) == 0);
    other = ends_of_pair[1];
    return std::make_unique<Socket>(loop, ends_of_pair[0]);
  }
  /// As the client library: the event first, then its acknowledgement.
  void HandAndAck(std::size_t size = 1) {
    inbox.Push(id, MakeEvent(size));
    REQUIRE(::send(client, "ack.", kAckBytes, 0) == kAckBytes);
  }
  std::size_t Available(int fd) {
    std::size_t total = 0;
    char buffer[65536];
    for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) total += static_cast<std::size_t>(got);
    return total;
  }
  /// As the committer: everything that waits becomes durable.
  std::uint64_t CommitAll() {
    gate->OnCut();
    const std::vector<Handed> taken = inbox.Take();
    std::size_t bytes = 0;
    for (const Handed& handed : taken) bytes += handed.bytes;
    if (!taken.empty()) inbox.MarkDone(id, taken.size(), bytes);
    return taken.size();
  }
  void Turn(int times = 20) {
    for (int i = 0; i < times; ++i) uv_run(loop.uv(), UV_RUN_NOWAIT);
  }
  template <typename Condition>
  void RunUntil(Condition condition) {
    sluice::RunUntil(loop, condition);
  }
};

TEST_CASE_FIXTURE(Fixture, "gate connection: an acknowledgement waits until its event is done, whatever else happens") {
  Open();
  HandAndAck();
  gate->OnCut();
  Turn();
  gate->OnDurable();
  Turn();
  CHECK(Available(broker) == 0);
  CommitAll();
  gate->OnDurable();
  Turn();
  CHECK(Available(broker) == kAckBytes);
}

TEST_CASE_FIXTURE(Fixture, "gate connection: no acknowledgement leaves before its event is done, however the threads interleave") {
  Open();
  constexpr std::uint64_t kEvents = 100'000;
  std::atomic<bool> failed = false;
  std::thread library([&] {
    std::minstd_rand random(1);
    std::atomic<int> spun = 0;
    for (std::uint64_t i = 0; i < kEvents && !failed; ++i) {
      inbox.Push(id, MakeEvent());
      if (::send(client, "ack.", kAckBytes, MSG_NOSIGNAL) != static_cast<ssize_t>(kAckBytes)) failed = true;
      // So that the other thread is at any point of its round, and often has nothing left to do, when the next event comes.
      for (std::uint64_t turns = random() % 10'000; turns > 0; --turns) ++spun;
    }
  });
  std::uint64_t done = 0;
  std::uint64_t acked_bytes = 0;
  std::uint64_t early = 0;
  while (acked_bytes < kEvents * kAckBytes && !failed) {
    // What is collected between commits must wait as well.
    gate->OnCut();
    gate->OnDurable();
    acked_bytes += Available(broker);
    if (acked_bytes > done * kAckBytes) ++early;
    done += CommitAll();
    gate->OnDurable();
    acked_bytes += Available(broker);
    if (acked_bytes > done * kAckBytes) ++early;
    if (early > 0) failed = true;
  }
  if (failed) gate.reset();  // The library's thread may be waiting for room.
  library.join();
  CHECK(early == 0);
  CHECK(done == kEvents);
}

TEST_CASE_FIXTURE(Fixture, "gate connection: what the broker sends passes, and what acknowledges nothing undone passes the other way") {
  Open();
  REQUIRE(::send(broker, "hello", 5, 0) == 5);
  REQUIRE(::send(client, "ping", 4, 0) == 4);
  std::size_t to_client = 0;
  std::size_t to_broker = 0;
  RunUntil([&] {
    to_client += Available(client);
    to_broker += Available(broker);
    return to_client == 5 && to_broker == 4;
  });
}

TEST_CASE_FIXTURE(Fixture,
                  "gate connection: while the inbox is full nothing is read from the broker, and reading goes on when there is room") {
  inbox.~Inbox();
  new (&inbox) Inbox({.max_events = 4, .max_bytes = 1u << 20, .cut_events = 2, .cut_bytes = 1u << 20}, [] {});
  id = inbox.OpenConnection(kSource);
  Open();
  for (int i = 0; i < 4; ++i) HandAndAck();
  gate->OnCut();
  Turn();
  REQUIRE(::send(broker, "more", 4, 0) == 4);
  Turn();
  CHECK(Available(client) == 0);
  CommitAll();
  gate->OnDurable();
  std::size_t passed = 0;
  RunUntil([&] { return (passed += Available(client)) == 4; });
}

TEST_CASE_FIXTURE(Fixture, "gate connection: a hold without progress ends as a pause, one with progress does not") {
  Open(milliseconds(200));
  HandAndAck();
  const auto end = std::chrono::steady_clock::now() + milliseconds(600);
  RunUntil([&] {
    if (std::chrono::steady_clock::now() < end) {
      CommitAll();  // Progress: one done, another undone.
      HandAndAck();
      gate->OnDurable();
      return false;
    }
    return !ends.empty();
  });
  CHECK(std::chrono::steady_clock::now() >= end);
  CHECK(ends == std::vector<GateEnd>{GateEnd::kHeld});
}

TEST_CASE_FIXTURE(Fixture, "gate connection: the client's end of file queues behind what is held") {
  Open();
  HandAndAck();
  ::shutdown(client, SHUT_WR);
  gate->OnCut();
  gate->OnCut();
  Turn();
  CHECK(ends.empty());
  CommitAll();
  gate->OnDurable();
  RunUntil([&] { return !ends.empty(); });
  CHECK(Available(broker) == kAckBytes);
  CHECK(ends == std::vector<GateEnd>{GateEnd::kClosed});
}

TEST_CASE_FIXTURE(Fixture, "gate connection: it knows up to which event acknowledgements may have left, after its end, too") {
  Open();
  HandAndAck();
  CommitAll();
  gate->OnDurable();
  RunUntil([&] { return gate->released() == 1; });
  HandAndAck();
  HandAndAck();
  gate->OnCut();
  gate->OnDurable();
  ::shutdown(broker, SHUT_WR);
  RunUntil([&] { return !ends.empty(); });
  CHECK(Available(broker) == kAckBytes);
  CHECK(gate->released() == 1);
}

TEST_CASE_FIXTURE(Fixture, "gate connection: what is held dies with its connection") {
  Open();
  HandAndAck();
  gate->OnCut();
  gate.reset();
  CHECK(Available(broker) == 0);
  char byte;
  CHECK(::recv(broker, &byte, 1, MSG_DONTWAIT) == 0);  // Closed.
}

}  // namespace
}  // namespace sluice
