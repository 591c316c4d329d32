// `sluice tail` on the daemon's side, on virtual time: what a client is shown, and what it costs if it does not look.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "gateway/paint.h"
#include "gateway/tail_task.h"
#include "tests/fakes.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FakeAnswer : public ControlAnswer {
 public:
  bool IsWanted() const override { return wanted; }
  void Send(std::string lines) override { sent.push_back(std::move(lines)); }
  void End() override { ended = true; }
  void Fail(const std::string& reason) override { failure = reason; }

  bool wanted = true;
  bool ended = false;
  std::string failure;
  std::vector<std::string> sent;
};

class NoReentry : public Reentry {
 public:
  bool Hold(LaneId) override { return false; }
  void Release(LaneId) override {}
  void Replay(LaneReplay, std::function<void(Result<void>)>) override {}
};

struct Fixture {
  FakeClock clock;
  FakeWallClock wall_clock;
  FakeStore store{clock};
  NoReentry reentry;
  OutboxDesk desk{store,      reentry,
                  wall_clock, {},
                  {},         {"edge", "0a0b"},
                  0,          [](const Row& row) {
                    return nlohmann::json{{"id", row.seq}, {"data", row.event.payload}}.dump(); }};
  EventTap tap;
  ControlHandler handler = TailHandler(tap, clock, desk);
  FakeAnswer answer;
  std::unique_ptr<ControlTask> task;

  void Watch(const nlohmann::json& request) {
    Result<std::unique_ptr<ControlTask>> made = handler(request, answer);
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    task = std::move(*made);
    task->Next();
  }
  void Come(const std::string& topic, const std::string& payload = "p", Seq seq = 1, const std::string& source = "local") {
    Event event;
    event.topic = topic;
    event.payload = payload;
    if (tap.IsWatched()) tap.Show(event, source, seq);
  }
  /// Lines shown so far, those of each Send once the client has taken what was before.
  std::vector<nlohmann::json> Take() {
    clock.Advance(milliseconds(20));
    std::vector<nlohmann::json> lines;
    for (std::size_t i = 0; i < answer.sent.size(); ++i) {
      std::string text = answer.sent[i];
      for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
        lines.push_back(nlohmann::json::parse(text.substr(0, end)));
      task->Next();
    }
    answer.sent.clear();
    return lines;
  }
  std::vector<std::string> Topics() {
    std::vector<std::string> topics;
    for (const nlohmann::json& line : Take()) topics.push_back(line.value("topic", "-"));
    return topics;
  }
};

TEST_CASE_FIXTURE(Fixture, "tail: shows what matches the filter and the source; the gateway's own events only to who asks for them") {
  const auto come = [&] {
    Come("plant/a");
    Come("other/b", "p", 2, "second");
    Come("$sluice/gaps", "{}", 3, "$sluice");
  };
  using Topics_ = std::vector<std::string>;
  SUBCASE("all") {
    Watch({{"as", "text"}});
    come();
    CHECK(Topics() == Topics_{"plant/a", "other/b"});
  }
  SUBCASE("a filter") {
    Watch({{"as", "text"}, {"filter", "plant/+"}});
    come();
    CHECK(Topics() == Topics_{"plant/a"});
  }
  SUBCASE("a source") {
    Watch({{"as", "text"}, {"source", "second"}});
    come();
    CHECK(Topics() == Topics_{"other/b"});
  }
  SUBCASE("its own") {
    Watch({{"as", "text"}, {"filter", "$sluice/#"}});
    come();
    CHECK(Topics() == Topics_{"$sluice/gaps"});
  }
  SUBCASE("no filter") {
    const auto made = handler({{"filter", "a/#/b"}}, answer);
    REQUIRE(!made);
    CHECK(made.error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE_FIXTURE(Fixture, "tail: an event has its CloudEvent, or text that does nothing to a terminal; unrouted ones are marked") {
  SUBCASE("json") {
    Watch({{"as", "json"}});
    Come("a", "x", 17);
    Come("b", "y", 0);
    const auto lines = Take();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0]["cloudevent"] == nlohmann::json{{"id", 17}, {"data", "x"}});
    CHECK(lines[0]["routed"] == true);
    CHECK(lines[1]["routed"] == false);
  }
  SUBCASE("text") {
    Watch({{"as", "text"}});
    Come("a", std::string("\x1b[2J\xff\0t\n\xc3\xa9", 10));
    Come("a", std::string(5'000, 'x'));
    const auto lines = Take();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0]["text"] == "\\x1b[2J\\xff\\x00t\\n\xc3\xa9");
    CHECK(lines[1]["bytes"] == 5'000);
    CHECK(lines[1]["text"].get<std::string>().size() < 2'100);
  }
}

TEST_CASE_FIXTURE(Fixture, "tail: a client that takes nothing costs a bounded buffer, is told what it missed, and goes on") {
  Watch({{"as", "json"}});
  Come("a", std::string(100, 'x'));
  clock.Advance(milliseconds(20));
  REQUIRE(answer.sent.size() == 1);
  answer.sent.clear();
  // Nothing more is sent while that is not taken, however much comes.
  for (int i = 0; i < 500; ++i) Come("a", std::string(10'000, 'x'));
  clock.Advance(seconds(60));
  CHECK(answer.sent.empty());
  task->Next();
  REQUIRE(answer.sent.size() == 1);
  CHECK(answer.sent[0].size() < kMaxTailBuffer + 100);
  const auto lines = Take();
  CHECK(lines.size() - 1 + lines.back()["missed"].get<std::size_t>() == 500);
  CHECK(lines.back()["missed"].get<int>() > 300);
  Come("a", "after");
  CHECK(Take().size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "tail: ends after as many as were asked for, with the daemon, and when the client is gone; until then it shows life") {
  SUBCASE("limit") {
    Watch({{"limit", 2u}});
    for (int i = 0; i < 5; ++i) Come("a");
    CHECK(Take().size() == 2);
    CHECK(answer.ended);
    CHECK_FALSE(tap.IsWatched());
  }
  SUBCASE("the daemon stops") {
    Watch({});
    tap.Close();
    CHECK(answer.ended);
    Watch({});
    CHECK_FALSE(tap.IsWatched());
  }
  SUBCASE("the client is gone") {
    Watch({});
    clock.Advance(seconds(6));
    CHECK(Take().at(0)["missed"] == 0);
    answer.wanted = false;
    clock.Advance(seconds(6));
    REQUIRE(answer.sent.size() == 1);
    task->Next();
    CHECK(answer.ended);
    CHECK_FALSE(tap.IsWatched());
  }
  SUBCASE("and so many may watch, no more") {
    std::vector<std::unique_ptr<ControlTask>> tasks;
    for (std::size_t i = 0; i < kMaxTails; ++i) tasks.push_back(std::move(*handler({}, answer)));
    CHECK(!handler({}, answer));
    tasks.pop_back();
    CHECK(handler({}, answer).has_value());
  }
}

TEST_CASE("paint: text of others has no control characters, broken UTF-8 or marks that turn a line around, whatever it was") {
  CHECK(Printable("plant/\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80") == "plant/\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(Printable("\x1b]0;x\x07\r\t\x7f") == "\\x1b]0;x\\x07\\r\\t\\x7f");
  CHECK(Printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");
  CHECK(Printable("\xe2\x80\xae"
                  "x") == "\\xe2\\x80\\xaex");
  CHECK(Printable("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82") == "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xe2\\x82");
}

}  // namespace
}  // namespace sluice
