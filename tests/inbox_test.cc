#include "gateway/inbox.h"

#include <doctest/doctest.h>

#include <thread>

namespace sluice {
namespace {

const std::string kSource = "local";

Event MakeEvent(std::size_t payload = 10) {
  Event event;
  event.topic = "t";
  event.payload.assign(payload, 'x');
  return event;
}

struct Fixture {
  int wakes = 0;
  Inbox inbox{{.max_events = 8, .max_bytes = 1u << 20, .cut_events = 4, .cut_bytes = 1u << 19}, [this] { ++wakes; }};
};

TEST_CASE_FIXTURE(Fixture, "inbox: an event is counted as handed the moment it is in") {
  const ConnectionId connection = inbox.OpenConnection(kSource);
  inbox.Push(connection, MakeEvent());
  CHECK(inbox.HandedCount(connection) == 1);
  CHECK(inbox.DoneCount(connection) == 0);
  auto taken = inbox.Take();
  REQUIRE(taken.size() == 1);
  CHECK(inbox.DoneCount(connection) == 0);
  inbox.MarkDone(connection, 1, taken[0].bytes);
  CHECK(inbox.DoneCount(connection) == 1);
}

TEST_CASE_FIXTURE(Fixture, "inbox: the loop is woken for the first event and when a commit is due, not for each event") {
  const ConnectionId connection = inbox.OpenConnection(kSource);
  for (int i = 0; i < 7; ++i) inbox.Push(connection, MakeEvent());
  CHECK(wakes == 2);
  CHECK(inbox.IsCutDue());
  inbox.Take();
  CHECK_FALSE(inbox.IsCutDue());
  inbox.Push(connection, MakeEvent());
  CHECK(wakes == 3);
}

TEST_CASE_FIXTURE(Fixture, "inbox: it is full until half of what made it full is done") {
  const ConnectionId connection = inbox.OpenConnection(kSource);
  for (int i = 0; i < 8; ++i) inbox.Push(connection, MakeEvent());
  CHECK(inbox.IsFull());
  const std::size_t bytes = inbox.Take()[0].bytes;
  CHECK(inbox.IsFull());
  inbox.MarkDone(connection, 4, 4 * bytes);
  CHECK(inbox.IsFull());
  inbox.MarkDone(connection, 1, bytes);
  CHECK_FALSE(inbox.IsFull());
}

TEST_CASE_FIXTURE(Fixture, "inbox: what a closed connection handed leaves, and makes room") {
  const ConnectionId closed = inbox.OpenConnection(kSource);
  const ConnectionId open = inbox.OpenConnection(kSource);
  for (int i = 0; i < 7; ++i) inbox.Push(closed, MakeEvent());
  inbox.Push(open, MakeEvent());
  CHECK(inbox.IsFull());
  CHECK(inbox.CloseConnection(closed) == 0);
  CHECK_FALSE(inbox.IsFull());
  inbox.Push(closed, MakeEvent());
  auto taken = inbox.Take();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].connection == open);
}

TEST_CASE_FIXTURE(Fixture, "inbox: who closes a connection learns how many of its events stay") {
  const ConnectionId connection = inbox.OpenConnection(kSource);
  for (int i = 0; i < 3; ++i) inbox.Push(connection, MakeEvent());
  inbox.Take();
  for (int i = 0; i < 2; ++i) inbox.Push(connection, MakeEvent());
  CHECK(inbox.CloseConnection(connection) == 3);
}

TEST_CASE_FIXTURE(Fixture, "inbox: events of a connection that closed while they were being committed make room when they are done") {
  const ConnectionId connection = inbox.OpenConnection(kSource);
  for (int i = 0; i < 8; ++i) inbox.Push(connection, MakeEvent());
  auto taken = inbox.Take();
  inbox.CloseConnection(connection);
  CHECK(inbox.IsFull());
  for (const Handed& handed : taken) inbox.MarkDone(connection, 1, handed.bytes);
  CHECK_FALSE(inbox.IsFull());
}

TEST_CASE("inbox: nothing pushed by another thread is lost or counted twice") {
  Inbox inbox({.max_events = 1u << 20, .max_bytes = 1u << 30, .cut_events = 100, .cut_bytes = 1u << 20}, [] {});
  const ConnectionId connection = inbox.OpenConnection(kSource);
  std::thread producer([&] {
    for (int i = 0; i < 20'000; ++i) inbox.Push(connection, MakeEvent());
  });
  std::size_t taken = 0;
  while (taken < 20'000) {
    const std::uint64_t before = inbox.HandedCount(connection);
    taken += inbox.Take().size();
    REQUIRE(taken >= before);  // A ticket read before Take covers only what Take, or an earlier one, returned.
  }
  producer.join();
  CHECK(inbox.HandedCount(connection) == 20'000);
}

}  // namespace
}  // namespace sluice
