#include "drivers/redelivery.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace sluice {
namespace {

constexpr std::size_t kWindow = 8;

Event MakeEvent(const std::string& payload, bool duplicate = false) {
  Event event;
  event.topic = "t";
  event.payload = payload;
  event.qos = 1;
  event.duplicate = duplicate;
  return event;
}

struct Fixture {
  Redelivery redelivery{kWindow};

  /// A connection on which `payloads` were handed, and the acknowledgements of the first `released` may have left.
  void Lose(const std::vector<std::string>& payloads, std::uint64_t released = 0, std::uint64_t kept = Redelivery::kAll) {
    redelivery.OnConnected(true);
    for (const std::string& payload : payloads) New(payload);
    redelivery.OnEnded(released, kept);
  }
  bool New(const std::string& payload) { return redelivery.OnEvent(MakeEvent(payload)); }
  bool Again(const std::string& payload) { return redelivery.OnEvent(MakeEvent(payload, true)); }
};

TEST_CASE_FIXTURE(Fixture, "redelivery: what was handed and never acknowledged is a copy when it comes again, once") {
  Lose({"a", "b"});
  redelivery.OnConnected(true);
  CHECK(Again("a"));
  CHECK(Again("b"));
  CHECK_FALSE(Again("a"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: what may have been acknowledged is kept") {
  Lose({"a", "b", "c"}, 2);
  redelivery.OnConnected(true);
  CHECK_FALSE(Again("a"));
  CHECK_FALSE(Again("b"));
  CHECK(Again("c"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: what never came before is kept, though its content did: as many copies as were handed") {
  Lose({"same", "same"});
  redelivery.OnConnected(true);
  CHECK(Again("same"));
  CHECK(Again("same"));
  CHECK_FALSE(Again("same"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: a message that is new is kept, whatever is owed") {
  Lose({"a"});
  redelivery.OnConnected(true);
  CHECK_FALSE(New("a"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: after the first new message nothing is owed any more") {
  Lose({"a", "b"});
  redelivery.OnConnected(true);
  CHECK(Again("a"));
  New("c");
  CHECK_FALSE(Again("b"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: a broker that has lost the session, or may send again at any time, owes nothing") {
  Lose({"a"});
  redelivery.OnConnected(false);
  CHECK_FALSE(Again("a"));
  redelivery.OnEnded(0, Redelivery::kAll);
  redelivery.OnConnected(true);
  CHECK_FALSE(Again("a"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: what was withdrawn from the inbox is kept when it comes again") {
  Lose({"a", "b"}, 0, 1);
  redelivery.OnConnected(true);
  CHECK(Again("a"));
  CHECK_FALSE(Again("b"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: a copy that was withdrawn is one when it comes again, since its first is kept") {
  Lose({"a"});
  redelivery.OnConnected(true);
  CHECK(Again("a"));
  redelivery.OnEnded(0, 0);
  redelivery.OnConnected(true);
  CHECK(Again("a"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: over several disconnects all stays owed that was not acknowledged, come again or not") {
  Lose({"a", "b", "c"});
  redelivery.OnConnected(true);
  CHECK(Again("a"));
  CHECK(Again("b"));
  redelivery.OnEnded(1, Redelivery::kAll);
  redelivery.OnConnected(true);
  CHECK(Again("b"));
  CHECK(Again("c"));
  CHECK_FALSE(Again("d"));  // Got lost before, so it is a first one now.
  redelivery.OnEnded(2, Redelivery::kAll);
  redelivery.OnConnected(true);
  CHECK_FALSE(Again("c"));
  CHECK(Again("d"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: a connection that was never made changes nothing") {
  Lose({"a"});
  redelivery.OnEnded(0, Redelivery::kAll);
  redelivery.OnConnected(true);
  CHECK(Again("a"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: what the broker need not send again, or what made no row, is never owed") {
  Event event = MakeEvent("a");
  SUBCASE("QoS 0") {
    event.qos = 0;
  }
  SUBCASE("QoS 2") {
    event.qos = 2;
  }
  SUBCASE("it expires") {
    event.expiry = std::chrono::seconds(60);
  }
  SUBCASE("it was refused") {
    event.refusal = Refusal::kTooLarge;
  }
  CHECK_FALSE(redelivery.OnEvent(event));
  redelivery.OnEnded(0, Redelivery::kAll);
  redelivery.OnConnected(true);
  CHECK_FALSE(Again("a"));
  event.duplicate = true;
  CHECK_FALSE(redelivery.OnEvent(event));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: events that are not owed count all the same") {
  redelivery.OnConnected(true);
  Event unprotected = MakeEvent("q0");
  unprotected.qos = 0;
  CHECK_FALSE(redelivery.OnEvent(unprotected));
  New("a");
  redelivery.OnEnded(1, Redelivery::kAll);  // The ticket of the first event only.
  redelivery.OnConnected(true);
  CHECK(Again("a"));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: one that differs in anything is another") {
  Event first = MakeEvent("payload");
  first.content_type = "text/plain";
  first.properties = {{"name", "value"}};
  redelivery.OnConnected(true);
  CHECK_FALSE(redelivery.OnEvent(first));
  redelivery.OnEnded(0, Redelivery::kAll);
  redelivery.OnConnected(true);
  first.duplicate = true;
  Event other = first;
  SUBCASE("topic") {
    other.topic = "u";
  }
  SUBCASE("payload") {
    other.payload = "payloae";
  }
  SUBCASE("retain flag") {
    other.retained = true;
  }
  SUBCASE("content type") {
    other.content_type = "";
  }
  SUBCASE("a property's value") {
    other.properties[0].value = "valuf";
  }
  SUBCASE("one property less") {
    other.properties.clear();
  }
  SUBCASE("where one text ends and the next begins") {
    other.properties = {{"namev", "alue"}};
  }
  CHECK_FALSE(redelivery.OnEvent(other));
  CHECK(redelivery.OnEvent(first));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: no more is remembered than can be without acknowledgement") {
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i <= kWindow; ++i) payloads.push_back(std::to_string(i));
  Lose(payloads);
  redelivery.OnConnected(true);
  CHECK_FALSE(Again("0"));
  for (std::size_t i = 1; i <= kWindow; ++i) CHECK(Again(payloads[i]));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: large messages do not take more memory: they are kept") {
  const std::string large(5000, 'x');
  Lose({large, "a"});
  redelivery.OnConnected(true);
  CHECK_FALSE(Again(large));
  CHECK(Again("a"));
}

TEST_CASE("redelivery: of many messages the last megabyte is remembered") {
  Redelivery redelivery{10'000};
  const auto payload = [](int i) { return std::to_string(i) + std::string(2000, 'x'); };
  redelivery.OnConnected(true);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(redelivery.OnEvent(MakeEvent(payload(i))));
  redelivery.OnEnded(0, Redelivery::kAll);
  redelivery.OnConnected(true);
  CHECK_FALSE(redelivery.OnEvent(MakeEvent(payload(0), true)));
  CHECK(redelivery.OnEvent(MakeEvent(payload(999), true)));
}

TEST_CASE_FIXTURE(Fixture, "redelivery: a broker that owes more than it can breaks the rules, and nothing is dropped") {
  Lose({"0", "1", "2", "3", "4", "5", "6", "7"});
  redelivery.OnConnected(true);
  CHECK_FALSE(Again("x"));
  redelivery.OnEnded(0, Redelivery::kAll);
  redelivery.OnConnected(true);
  CHECK_FALSE(Again("0"));
}

/// A broker that keeps the rules (what has no acknowledgement is sent again, in order), and connections that end at any point. Few topics
/// and contents, so that many messages look the same.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void PlayConnection(bool resumes) {
    redelivery_.OnConnected(resumes);
    const std::size_t resent = unacked_.size();
    for (Message& message : unacked_) message.event.duplicate = true;
    Publish(UpTo(12));
    const std::size_t came = UpTo(UpTo(2) == 0 ? resent : unacked_.size());
    const std::size_t taken = UpTo(3) == 0 ? UpTo(came) : came;
    const std::size_t released = UpTo(taken);
    Deliver(came, taken);
    redelivery_.OnEnded(released, taken == came ? Redelivery::kAll : taken);
    const std::size_t arrived = UpTo(released);  // Of the acknowledgements that left.
    unacked_.erase(unacked_.begin(), unacked_.begin() + static_cast<std::ptrdiff_t>(arrived));
  }

  std::size_t dropped = 0;
  std::size_t lost = 0;  ///< Dropped, and it was the first.

 private:
  struct Message {
    Event event;
    std::size_t number;
  };

  std::size_t UpTo(std::size_t bound) { return static_cast<std::size_t>(random_() % (bound + 1)); }

  void Publish(std::size_t messages) {
    for (; messages > 0; --messages) {
      Event event = MakeEvent(std::to_string(UpTo(2)));
      event.topic = std::to_string(UpTo(1));
      unacked_.push_back({event, has_row_.size()});
      has_row_.push_back(false);
    }
  }

  /// `came` are handed, of which `taken` stay.
  void Deliver(std::size_t came, std::size_t taken) {
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < came; ++i) {
      const std::size_t number = unacked_[i].number;
      if (redelivery_.OnEvent(unacked_[i].event)) {
        ++dropped;
        if (!has_row_[number]) ++lost;
      } else if (i < taken) {
        rows.push_back(number);
      }
    }
    for (std::size_t number : rows) has_row_[number] = true;
  }

  std::minstd_rand random_;
  Redelivery redelivery_{1000};
  std::deque<Message> unacked_;
  std::vector<bool> has_row_;  // By number.
};

TEST_CASE("redelivery: wherever connections end, no message is dropped that has no row, however many look like it") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::size_t dropped = 0;
  for (unsigned run = 0; run < 500; ++run) {
    Model model(seed + run);
    for (int connection = 0; connection < 6; ++connection) model.PlayConnection(connection > 0);
    REQUIRE(model.lost == 0);
    dropped += model.dropped;
  }
  CHECK(dropped > 500);
}

}  // namespace
}  // namespace sluice
