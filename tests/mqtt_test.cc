// What the MQTT sink is made of: its messages, its window, and the relay to its broker.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "drivers/gate_relay.h"
#include "drivers/mqtt_drop_count.h"
#include "drivers/mqtt_formats.h"
#include "drivers/mqtt_message.h"
#include "drivers/mqtt_subscriptions.h"
#include "drivers/mqtt_window.h"
#include "tests/fakes.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

using std::chrono::seconds;

const WallTime kReceived{std::chrono::nanoseconds(1'764'000'000'123'456'789)};

Row MakeRow() {
  Row row;
  row.seq = 7;
  row.source = "local";
  row.event.topic = "plant/a";
  row.event.payload = "payload";
  row.event.received = kReceived;
  return row;
}

MqttMessage Message(const Row& row, int protocol_version = 5, seconds age = seconds(0)) {
  CloudEvent event({"gw", "0123456789abcdef"});
  event.Set(row);
  return MakeMqttMessage(event, row, protocol_version, kReceived + age);
}

TEST_CASE("mqtt message: its topic is the destination, or the event's own") {
  Row row = MakeRow();
  CHECK(Message(row).topic == "plant/a");
  row.destination = "andon/x";
  row.retain = true;
  CHECK(Message(row).topic == "andon/x");
  CHECK(Message(row).retain);
}

TEST_CASE("mqtt message: what is left of its life is carried, never nothing and never more than its publisher gave") {
  Row row = MakeRow();
  CHECK(!Message(row).expiry);
  row.event.expiry = seconds(60);
  CHECK(Message(row).expiry == seconds(60));
  CHECK(Message(row, 5, seconds(20)).expiry == seconds(40));
  CHECK(Message(row, 5, seconds(90)).expiry == seconds(1));
  CHECK(Message(row, 5, seconds(-500)).expiry == seconds(60));
}

TEST_CASE("mqtt message: of a bare event there are no attributes, but all that is the publisher's or the route's") {
  Row row = MakeRow();
  row.bare = true;
  row.retain = true;
  row.key = "k";
  row.event.content_type = "text/plain";
  row.event.properties = {{"site", "graz"}, {"id", "forged"}};
  const MqttMessage message = Message(row);
  CHECK(message.properties == std::vector<Property>{{"site", "graz"}});
  CHECK(message.content_type == "text/plain");
  CHECK(message.payload == "payload");
  CHECK(message.retain);
}

TEST_CASE("mqtt message: with 3.1.1 there is only the payload") {
  Row row = MakeRow();
  row.event.content_type = "text/plain";
  row.event.expiry = seconds(60);
  row.event.properties = {{"a", "b"}};
  const MqttMessage message = Message(row, 4);
  CHECK(message.payload == "payload");
  CHECK(message.properties.empty());
  CHECK(message.content_type.empty());
  CHECK(!message.expiry);
  CHECK(PacketSize(message, 4) == 2 + (2 + 7) + 2 + 7);
}

TEST_CASE("mqtt message: the size of its packet is what MQTT 5 says, at every step of a length") {
  MqttMessage message;
  message.topic = "t";
  CHECK(PacketSize(message, 5) == 2 + 3 + 2 + 1);
  message.expiry = seconds(1);
  message.content_type = "c";
  message.properties = {{"ab", "cde"}};
  CHECK(PacketSize(message, 5) == 2 + 3 + 2 + (1 + 5 + 4 + 10));
  message.properties[0].value = std::string(200, 'x');
  CHECK(PacketSize(message, 5) == 3 + 3 + 2 + (2 + 5 + 4 + 207));
  message.payload = std::string(20'000, 'x');
  CHECK(PacketSize(message, 5) == 4 + 3 + 2 + (2 + 5 + 4 + 207) + 20'000);
}

TEST_CASE("mqtt message: what a broker can never take is known beforehand, to the byte") {
  const MqttLimits limits{.receive_maximum = 10, .max_packet = 100, .takes_retained = false};
  MqttMessage message;
  message.topic = "t";
  message.payload = std::string(92, 'x');
  CHECK(PacketSize(message, 5) == 100);
  CHECK(WhyNever(message, 5, limits).empty());
  message.payload += 'x';
  CHECK(WhyNever(message, 5, limits) == "the packet has 101 bytes, the broker takes 100");
  message.payload.clear();
  for (const std::string& topic : {std::string(), std::string("a/+"), std::string("#"), std::string("a\0b", 3), std::string(65'536, 't')}) {
    message.topic = topic;
    CHECK(!WhyNever(message, 5, limits).empty());
  }
  message.topic = "t";
  message.retain = true;
  CHECK(WhyNever(message, 5, limits) == "the broker does not retain messages");
  CHECK(WhyNever(message, 5, {}).empty());
  message.properties = {{"name", std::string(65'536, 'v')}};
  CHECK(!WhyNever(message, 5, {}).empty());
}

TEST_CASE(
    "mqtt window: whatever is answered in whatever order, one of a key is on its way, keys stay in order, none passes a refused one") {
  std::mt19937 random(2026);
  for (int round = 0; round < 300; ++round) {
    MqttWindow window;
    const std::size_t size = 1 + random() % 8;
    window.SetSize(size);
    std::map<std::string, Seq> last;  // By key: the last that left.
    std::map<std::string, bool> refused;
    std::map<std::uint64_t, std::string> flying;  // Key by number.
    Seq seq = 0;
    std::size_t answered = 0;
    for (int step = 0; step < 400; ++step) {
      if (random() % 2 == 0) {
        const std::string key(1, static_cast<char>('a' + random() % 5));
        MqttMessage message;
        message.topic = key;
        message.payload = std::to_string(++seq);
        window.Add(seq, key, std::move(message));
      }
      while (auto next = window.Next()) {
        const std::string& key = next->message.topic;
        CHECK(!refused[key]);
        CHECK(std::none_of(flying.begin(), flying.end(), [&](const auto& one) { return one.second == key; }));
        CHECK(std::stoull(next->message.payload) > last[key]);
        last[key] = std::stoull(next->message.payload);
        flying[next->number] = key;
        CHECK(flying.size() <= size);
      }
      if (flying.empty() || random() % 2 == 0) continue;
      const auto one = std::next(flying.begin(), static_cast<std::ptrdiff_t>(random() % flying.size()));
      const bool taken = random() % 20 != 0;
      if (!taken) refused[one->second] = true;
      CHECK(window.OnAnswer(one->first, taken) == last[one->second]);
      CHECK(!window.OnAnswer(one->first, taken));
      flying.erase(one);
      ++answered;
    }
    const MqttWindow::Abandoned abandoned = window.Abandon();
    CHECK(abandoned.sent.size() == flying.size());
    CHECK(abandoned.sent.size() + abandoned.waiting.size() + answered == seq);
    CHECK(window.OnTheWay() == 0);
  }
}

TEST_CASE("mqtt window: what was forgotten on its way keeps its place until it is answered, and its key is free") {
  MqttWindow window;
  window.SetSize(2);
  window.Add(1, "a", {});
  window.Add(2, "b", {});
  const std::uint64_t first = window.Next()->number;
  const std::uint64_t second = window.Next()->number;
  window.Clear();
  CHECK(window.IsEmpty());
  window.Add(1, "a", {});
  CHECK(!window.Next());
  CHECK(!window.OnAnswer(second, false));
  const auto again = window.Next();
  REQUIRE(again);
  CHECK(again->number != first);
  CHECK(!window.OnAnswer(first, true));
  CHECK(window.OnAnswer(again->number, true) == 1);
  CHECK(window.Abandon().sent.empty());
}

TEST_CASE("mqtt drop count: it counts from the first counter on, and from 0 where the broker began anew") {
  const std::string source = "local";
  FakeClock clock;
  MqttDropCount count(source, clock);
  CHECK(!count.Dropped());
  count.Note(100);
  CHECK(count.Dropped() == 0);
  count.Note(130);
  count.Note(130);
  CHECK(count.Dropped() == 30);
  count.Note(0);
  CHECK(count.Dropped() == 30);
  count.Note(7);
  CHECK(count.Dropped() == 37);
  count.Note(5);
  CHECK(count.Dropped() == 42);
}

TEST_CASE("mqtt drop count: only a number is a counter") {
  CHECK(MqttDropCount::Parse("0") == 0);
  CHECK(MqttDropCount::Parse("18446744073709551615") == UINT64_MAX);
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "1.5", "18446744073709551616", "many"}) CHECK(!MqttDropCount::Parse(text));
}

TEST_CASE("mqtt formats: a topic has the format of the subscription that it came by, and else the source's") {
  MqttSourceConfig config;
  config.format = PayloadFormat::kText;
  config.subscribe = {{"a/#", 1, PayloadFormat::kCbor}, {"$share/g/b/+", 1, PayloadFormat::kMessagePack}};
  const MqttFormats formats(config);
  CHECK(formats.Of("a") == PayloadFormat::kCbor);
  CHECK(formats.Of("b/1") == PayloadFormat::kMessagePack);
  CHECK(formats.Of("b") == PayloadFormat::kText);
  config.subscribe.pop_back();
  CHECK(MqttFormats(config).Of("x") == PayloadFormat::kCbor);
}

TEST_CASE("mqtt drop count: it is the operator's if one of his filters asks for it") {
  const auto is_asked_for = [](const char* filter) { return MqttDropCount::IsAskedFor({{"plant/#", 1}, {filter, 0}}); };
  for (const char* filter : {"$SYS/#", "$SYS/broker/publish/messages/dropped", "$SYS/broker/+/messages/+", "$share/g/$SYS/broker/#"}) {
    CHECK(is_asked_for(filter));
  }
  for (const char* filter : {"#", "+/broker/#", "$SYS/broker/clients/#", "$share/g/#", "$share/$SYS/#", "$share/g"}) {
    CHECK(!is_asked_for(filter));
  }
}

/// A relay between two sockets whose other ends the test holds.
struct RelayFixture {
  Loop loop;
  int broker = -1;
  int client = -1;
  std::vector<std::string> ends;
  std::unique_ptr<GateRelay> relay;

  RelayFixture() {
    relay = std::make_unique<GateRelay>(MakeSocket(broker), [this](const std::string& why) { ends.push_back(why); });
    relay->Join(MakeSocket(client));
  }
  ~RelayFixture() {
    relay.reset();
    ::close(broker);
    ::close(client);
  }
  std::unique_ptr<Socket> MakeSocket(int& other) {
    int ends_of_pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of_pair) == 0);
    other = ends_of_pair[1];
    return std::make_unique<Socket>(loop, ends_of_pair[0]);
  }
  void Turn() {
    for (int i = 0; i < 20; ++i) uv_run(loop.uv(), UV_RUN_NOWAIT);
  }
  std::size_t Fill(int fd) {
    const std::string bytes(64 * 1024, 'x');
    std::size_t total = 0;
    for (int quiet = 0; quiet < 3; ++quiet) {
      for (ssize_t sent; (sent = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0; quiet = 0) {
        total += static_cast<std::size_t>(sent);
      }
      Turn();
    }
    return total;
  }
  std::size_t Drain(int fd) {
    char buffer[65536];
    std::size_t total = 0;
    for (int quiet = 0; quiet < 3; ++quiet) {
      for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0; quiet = 0) total += static_cast<std::size_t>(got);
      Turn();
    }
    return total;
  }
};

TEST_CASE_FIXTURE(RelayFixture, "gate relay: every byte passes both ways, and a side that does not read stops the other, not more") {
  const std::size_t sent = Fill(client);
  CHECK(sent < 4u << 20);
  REQUIRE(::send(broker, "ack.", 4, 0) == 4);
  Turn();
  CHECK(Drain(client) == 4);
  CHECK(Drain(broker) == sent);
  CHECK(ends.empty());
}

TEST_CASE_FIXTURE(RelayFixture,
                  "gate relay: what the broker said last reaches the client before its end, however much the client still sends") {
  REQUIRE(::send(client, "publish", 7, 0) == 7);
  REQUIRE(::send(broker, "why", 3, 0) == 3);
  ::shutdown(broker, SHUT_WR);
  Turn();
  CHECK(ends == std::vector<std::string>{"the broker closed the connection"});
  REQUIRE(::send(client, "publish", 7, 0) == 7);
  Turn();
  char buffer[16];
  CHECK(::recv(client, buffer, sizeof buffer, MSG_DONTWAIT) == 3);
  CHECK(::recv(client, buffer, sizeof buffer, MSG_DONTWAIT) == 0);
}

TEST_CASE_FIXTURE(RelayFixture, "gate relay: the end of the client comes after all it wrote, and is told once") {
  const std::size_t sent = Fill(client);
  ::shutdown(client, SHUT_WR);
  Turn();
  CHECK(ends.empty());
  CHECK(Drain(broker) == sent);
  char byte;
  CHECK(::recv(broker, &byte, 1, MSG_DONTWAIT) == 0);
  CHECK(ends == std::vector<std::string>{"the MQTT client closed the connection"});
}

MqttSourceConfig SourceWith(std::vector<std::string> filters) {
  MqttSourceConfig config;
  config.client_id = "sluice-gw-local";
  config.host = "broker";
  for (std::string& filter : filters) config.subscribe.push_back({std::move(filter), 1});
  return config;
}

TEST_CASE("mqtt subscriptions: what a session may have and the configuration has not is known, over restarts too, until it is gone") {
  const TempDir dir;
  const std::string path = dir.Path("subscriptions");
  MqttSubscriptions(path).Set(SourceWith({"a/#", "b"}));
  const MqttSourceConfig now = SourceWith({"a/1", "b"});
  CHECK(MqttSubscriptions(path).Strays(now) == std::vector<std::string>{"a/#"});
  MqttSubscriptions(path).Add(now);
  CHECK(MqttSubscriptions(path).Strays(now) == std::vector<std::string>{"a/#"});
  CHECK(MqttSubscriptions(path).Strays(SourceWith({"b"})) == std::vector<std::string>{"a/#", "a/1"});
  MqttSubscriptions(path).Set(now);
  CHECK(MqttSubscriptions(path).Strays(now).empty());
}

TEST_CASE("mqtt subscriptions: another client and another broker have sessions of their own") {
  const TempDir dir;
  MqttSubscriptions subscriptions(dir.Path("subscriptions"));
  subscriptions.Set(SourceWith({"a"}));
  MqttSourceConfig other = SourceWith({"b"});
  other.client_id = "other";
  CHECK(subscriptions.Strays(other).empty());
  other = SourceWith({"b"});
  other.port = 1884;
  CHECK(subscriptions.Strays(other).empty());
}

TEST_CASE("mqtt subscriptions: a file that makes no sense is as none") {
  const TempDir dir;
  for (const char* text : {"", "{", "[]", "{\"c\": 1}", "{\"sluice-gw-local@broker:1883\": [1, null]}"}) {
    MqttSubscriptions subscriptions(dir.Write("subscriptions", text));
    CHECK(subscriptions.Strays(SourceWith({"a"})).empty());
  }
  CHECK(MqttSubscriptions(dir.Path("not/there")).Strays(SourceWith({"a"})).empty());
}

TEST_CASE("mqtt subscriptions: what could not be written is written as soon as it can be") {
  const TempDir dir;
  const std::string path = dir.Path("later/subscriptions");
  MqttSubscriptions subscriptions(path);
  subscriptions.Set(SourceWith({"a"}));
  std::filesystem::create_directory(dir.Path("later"));
  subscriptions.Add(SourceWith({"a"}));
  CHECK(MqttSubscriptions(path).Strays(SourceWith({"b"})) == std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace sluice
