// The HTTP server on a real loop, with clients on its Unix socket.
#include "gateway/http_server.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <list>
#include <nlohmann/json.hpp>
#include <string>

#include "gateway/http_door.h"
#include "tests/run_until.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

/// A client that never blocks.
class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { Leave(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Leave() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void Say(std::string_view text) { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT); }
  void Get(const std::string& path, const std::string& more = "") { Say("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n"); }
  /// What has come so far. At most `bytes` more are read.
  const std::string& Heard(std::size_t bytes = SIZE_MAX) {
    char buffer[4096];
    while (bytes > 0 && fd_ >= 0) {
      const ssize_t size = ::recv(fd_, buffer, std::min(bytes, sizeof buffer), MSG_DONTWAIT);
      if (size == 0 || (size < 0 && errno != EAGAIN)) ended = true;
      if (size <= 0) break;
      heard_.append(buffer, static_cast<std::size_t>(size));
      bytes -= static_cast<std::size_t>(size);
    }
    return heard_;
  }
  bool HasHeard(const std::string& text) { return Heard().find(text) != std::string::npos; }
  bool HasEnded() {
    Heard();
    return ended;
  }

  bool connected = false;
  bool ended = false;

 private:
  int fd_;
  std::string heard_;
};

/// A task that sends what the test says, when it says so, and lines without end if `endless`.
class Told : public ControlTask {
 public:
  explicit Told(ControlAnswer& where) : answer(where) {}
  ~Told() override { --alive; }
  void Next() override {
    ++nexts;
    if (endless && answer.IsWanted()) return answer.Send(std::string(10'000, 'x') + "\n");
    if (endless) answer.End();
  }
  bool NeedsGateway() const override { return endless; }

  ControlAnswer& answer;
  bool endless = false;
  int nexts = 0;
  static inline int alive = 0;
};

/// A line, and then the end, or a failure.
class Brief : public ControlTask {
 public:
  Brief(ControlAnswer& answer, bool fails) : answer_(answer), fails_(fails) {}
  void Next() override {
    if (!std::exchange(sent_, true)) return answer_.Send("{\"n\": 1}\n");
    fails_ ? answer_.Fail("on the way") : answer_.End();
  }

 private:
  ControlAnswer& answer_;
  const bool fails_;
  bool sent_ = false;
};

/// A daemon with a page that can be told to take its time, and a command.
class House {
 public:
  House() {
    commands_.Add(
        "brief",
        [](const nlohmann::json& request, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
          return std::make_unique<Brief>(answer, request.contains("fails"));
        },
        CommandKind::kReport);
    const auto make = [this](bool endless) {
      return [this, endless](const nlohmann::json&, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
        auto task = std::make_unique<Told>(answer);
        ++Told::alive;
        task->endless = endless;
        tasks.push_back(task.get());
        return task;
      };
    };
    commands_.Add("document", make(false), CommandKind::kDocument);
    commands_.Add("lines", make(false), CommandKind::kReport);
    commands_.Add("endless", make(true), CommandKind::kReport);
    commands_.Add("events", make(true), CommandKind::kEvents);
    door.emplace(loop, pages_);
    REQUIRE(door->Open(HttpConfig{.listen = "unix:" + path, .token = "", .hosts = {}}).has_value());
  }
  ~House() {
    door.reset();
    CHECK(Told::alive == 0);
  }

  Client& Connect() { return clients.emplace_back(path); }
  std::unique_ptr<Client> NewClient() const { return std::make_unique<Client>(path); }
  template <typename Condition>
  void Until(Condition condition) {
    RunUntil(loop, condition);
  }
  /// A client that is served: the server is well.
  void CheckServed() {
    Client& client = Connect();
    client.Get("/healthz");
    Until([&] { return client.HasHeard("ok\n"); });
  }

  TempDir dir;
  const std::string path = dir.Path("http.sock");
  Loop loop;
  std::optional<HttpDoor> door;
  std::list<Client> clients;
  std::vector<Told*> tasks;
  std::vector<std::function<void(HttpReply)>> pages_asked;

 private:
  ControlCommands commands_;
  HttpPages pages_{
      {commands_, [this](auto done) { pages_asked.push_back(done); }, [](auto done) { done({.body = "at once\n"}); }, [] { return ""; }}};
};

TEST_CASE("http server: pages come whole, at once or later, several on one connection, HEAD without a body") {
  House house;
  Client& client = house.Connect();
  client.Get("/healthz");
  house.Until([&] { return client.HasHeard("\r\n\r\nok\n"); });
  CHECK(client.HasHeard("Cache-Control: no-store\r\n"));
  CHECK(client.HasHeard("X-Content-Type-Options: nosniff\r\n"));
  client.Get("/readyz");
  house.Until([&] { return client.HasHeard("at once\n"); });
  client.Get("/metrics");
  house.Until([&] { return house.pages_asked.size() == 1; });
  house.pages_asked[0]({.body = "later\n"});
  house.Until([&] { return client.HasHeard("later\n"); });
  client.Say("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  house.Until([&] { return client.HasEnded(); });
  CHECK(client.Heard().ends_with("\r\n\r\n"));
  CHECK(client.HasHeard("Content-Length: 3\r\n"));
}

TEST_CASE("http server: the socket is for the user and the group") {
  House house;
  struct stat status {};
  REQUIRE(::stat(house.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0660);
}

TEST_CASE("http server: a document comes with its length, or as an error with its reason") {
  House house;
  Client& client = house.Connect();
  client.Get("/api/v1/document");
  house.Until([&] { return house.tasks.size() == 1; });
  house.tasks[0]->answer.Send("{\"a\": 1}\n");
  CHECK(house.tasks[0]->nexts == 2);
  house.tasks[0]->answer.End();
  house.Until([&] { return client.HasHeard("{\"a\": 1}\n"); });
  CHECK(client.HasHeard("Content-Type: application/json\r\n"));
  CHECK(client.HasHeard("Content-Length: 9\r\n"));
  client.Get("/api/v1/document");
  house.Until([&] { return house.tasks.size() == 2; });
  house.tasks[1]->answer.Fail("away");
  house.Until([&] { return client.HasHeard("503 Service Unavailable") && client.HasHeard("{\"error\":\"away\"}"); });
}

TEST_CASE("http server: lines come as they are made, and no more is made before they are taken") {
  House house;
  Client& client = house.Connect();
  client.Get("/api/v1/lines");
  house.Until([&] { return house.tasks.size() == 1; });
  Told& task = *house.tasks[0];
  CHECK(task.nexts == 1);
  task.answer.Send("{\"n\": 1}\n");
  CHECK(task.nexts == 2);  // One piece ahead: it might have been all.
  house.Until([&] { return client.HasHeard("{\"n\": 1}\n"); });
  CHECK(client.HasHeard("application/x-ndjson"));
  task.answer.Send("{\"n\": 2}\n");
  CHECK(task.nexts == 2);
  house.Until([&] { return task.nexts == 3; });
  task.answer.End();
  house.Until([&] { return client.Heard().ends_with("\r\n0\r\n\r\n"); });
}

TEST_CASE("http server: a short answer in lines has its length, and a status that says whether it failed") {
  House house;
  Client& client = house.Connect();
  client.Get("/api/v1/brief");
  house.Until([&] { return client.HasHeard("{\"n\": 1}\n"); });
  CHECK(client.HasHeard("200 OK"));
  CHECK(client.HasHeard("Content-Length: 9\r\n"));
  client.Get("/api/v1/brief?fails");
  house.Until([&] { return client.HasHeard("{\"n\": 1}\n{\"error\":\"on the way\"}\n"); });
  CHECK(client.HasHeard("503 Service Unavailable"));
}

TEST_CASE("http server: an answer that breaks off says so, and has no end") {
  House house;
  Client& client = house.Connect();
  client.Get("/api/v1/lines");
  house.Until([&] { return house.tasks.size() == 1; });
  house.tasks[0]->answer.Send("{\"n\": 1}\n");
  house.Until([&] { return house.tasks[0]->nexts == 2; });
  house.tasks[0]->answer.Fail("the disk is gone");
  house.Until([&] { return client.HasEnded(); });
  CHECK(client.HasHeard("{\"error\":\"the disk is gone\"}\n"));
  CHECK(!client.Heard().ends_with("0\r\n\r\n"));
}

TEST_CASE("http server: a client that does not read stops its task and nobody else") {
  House house;
  Client& slow = house.Connect();
  slow.Get("/api/v1/endless");
  house.Until([&] { return house.tasks.size() == 1; });
  for (int i = 0; i < 5; ++i) house.CheckServed();
  const int nexts = house.tasks[0]->nexts;
  house.CheckServed();
  CHECK(house.tasks[0]->nexts == nexts);
  CHECK(nexts < 200);
  house.Until([&] {
    slow.Heard(10'000);
    return house.tasks[0]->nexts > nexts;
  });
}

TEST_CASE("http server: a task whose client has left ends, also if there was nothing to be sent") {
  House house;
  Client& endless = house.Connect();
  endless.Get("/api/v1/endless");
  Client& silent = house.Connect();
  silent.Get("/api/v1/lines");
  house.Until([&] { return house.tasks.size() == 2; });
  endless.Leave();
  house.Until([&] { return Told::alive == 1; });
  silent.Leave();
  house.Until([&] { return !house.tasks[1]->answer.IsWanted(); });
  house.tasks[1]->answer.End();
  house.Until([&] { return Told::alive == 0; });
}

TEST_CASE("http server: clients that owe their requests lock out nobody, however many there are") {
  House house;
  for (int i = 0; i < 60; ++i) {
    Client& half = house.Connect();
    if (i % 3 == 1) half.Say("GET /hea");
    if (i % 3 == 2) half.Say("POST /api/v1/lines HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx");
    if (i % 5 == 0) house.CheckServed();
  }
  house.CheckServed();
  CHECK(house.tasks.empty());
}

TEST_CASE("http server: one who has asked is not sent away for those who have not") {
  House house;
  Client& asker = house.Connect();
  asker.Get("/metrics");
  house.Until([&] { return house.pages_asked.size() == 1; });
  for (int i = 0; i < 60; ++i) house.Connect();
  house.CheckServed();
  CHECK(!asker.HasEnded());
  house.pages_asked[0]({.body = "it was worth the wait\n"});
  house.Until([&] { return asker.HasHeard("it was worth the wait\n"); });
}

TEST_CASE("http server: answers in lines leave places for those who only look") {
  House house;
  for (std::size_t i = 0; i < HttpServer::kMaxStreams; ++i) {
    house.Connect().Get("/api/v1/endless");
    house.Until([&] { return house.tasks.size() == i + 1; });
  }
  Client& one_more = house.Connect();
  one_more.Get("/api/v1/endless");
  house.Until([&] { return one_more.HasHeard("503 Service Unavailable"); });
  house.CheckServed();
}

TEST_CASE("http server: garbage, headers without end and bodies without end cost a bounded amount and no more") {
  House house;
  const std::string big(200'000, 'a');
  for (const std::string& garbage :
       {std::string("\0\xff\x16\x03\x01garbage\r\n\r\n", 17), std::string(100'000, '\n'), "GET /" + big, "GET / HTTP/1.1\r\nX: " + big,
        "GET / HTTP/9.9\r\n\r\n" + big, std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    Client& client = house.Connect();
    client.Say(garbage);
    house.CheckServed();
  }
  Client& announced = house.Connect();
  announced.Say("POST /api/v1/lines HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n");
  house.Until([&] { return announced.HasHeard("413 "); });
  Client& drained = house.Connect();
  drained.Say("POST /api/v1/lines HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + std::string(70'000, ' '));
  house.Until([&] { return drained.HasHeard("413 "); });
  Client& endless = house.Connect();
  endless.Say("POST /api/v1/lines HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  house.Until([&] {
    endless.Say("1000\r\n" + std::string(0x1000, ' ') + "\r\n");
    return endless.HasEnded();
  });
  CHECK(house.tasks.empty());
}

TEST_CASE("http server: a body in pieces is one request") {
  House house;
  Client& client = house.Connect();
  client.Say("POST /api/v1/lines HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{\"a\"");
  house.CheckServed();
  CHECK(house.tasks.empty());
  client.Say(": 1}");
  house.Until([&] { return house.tasks.size() == 1; });
}

TEST_CASE("http server: whatever is under way, it can be destroyed") {
  House house;
  for (const char* path : {"/metrics", "/api/v1/lines", "/api/v1/document", "/api/v1/endless"}) house.Connect().Get(path);
  house.Connect().Say("GET /hea");
  house.Connect();
  house.Until([&] { return house.tasks.size() == 3 && house.pages_asked.size() == 1; });
  house.tasks[0]->answer.Send("{}\n");
  house.door.reset();
  CHECK(Told::alive == 0);
  CHECK(!std::filesystem::exists(house.path));
}

TEST_CASE("http door: another address takes over at once, and answers under way are still given at the old one") {
  House house;
  Client& asker = house.Connect();
  asker.Get("/api/v1/lines");
  Client& idle = house.Connect();
  house.Until([&] { return house.tasks.size() == 1; });
  house.tasks[0]->answer.Send("{\"n\": 1}\n");
  const std::string other = house.dir.Path("other.sock");
  REQUIRE(house.door->Prepare(HttpConfig{.listen = "unix:" + other, .token = "", .hosts = {}}).has_value());
  house.door->Commit();
  house.Until([&] { return idle.HasEnded(); });
  CHECK(!std::filesystem::exists(house.path));
  Client elsewhere(other);
  elsewhere.Get("/healthz");
  house.Until([&] { return elsewhere.HasHeard("ok\n"); });
  house.tasks[0]->answer.Send("{\"n\": 2}\n");
  house.Until([&] { return asker.HasHeard("{\"n\": 2}\n"); });
  house.tasks[0]->answer.End();
  house.Until([&] { return asker.HasHeard("\r\n0\r\n\r\n"); });
  house.Until([&] { return Told::alive == 0; });
}

TEST_CASE("http door: an address that cannot be had changes nothing; none ends it; the same again begins it anew") {
  House house;
  const HttpConfig here{.listen = "unix:" + house.path, .token = "", .hosts = {}};
  const std::string taken = house.dir.Write("file", "not a socket");
  CHECK(!house.door->Prepare(HttpConfig{.listen = "unix:" + taken, .token = "", .hosts = {}}).has_value());
  house.CheckServed();
  REQUIRE(house.door->Prepare(here).has_value());
  house.door->Commit();
  house.CheckServed();
  REQUIRE(house.door->Prepare(std::nullopt).has_value());
  house.door->Commit();
  CHECK(!house.NewClient()->connected);
  REQUIRE(house.door->Prepare(here).has_value());
  house.door->Commit();
  house.CheckServed();
}

TEST_CASE("http door: whoever watches events under a token that is changed, or where nothing is served any more, sees no more of them") {
  House house;
  HttpConfig config{.listen = "unix:" + house.path, .token = "", .hosts = {}};
  Client& watcher = house.Connect();
  watcher.Get("/api/v1/events");
  Client& other = house.Connect();
  other.Get("/api/v1/endless");
  house.Until([&] { return house.tasks.size() == 2; });
  REQUIRE(house.door->Prepare(config).has_value());
  house.door->Commit();
  CHECK(Told::alive == 2);
  SUBCASE("another token") {
    config.token = "another";
    REQUIRE(house.door->Prepare(config).has_value());
  }
  SUBCASE("no service") {
    REQUIRE(house.door->Prepare(std::nullopt).has_value());
  }
  house.door->Commit();
  house.Until([&] { return watcher.HasEnded(); });
  house.Until([&] { return Told::alive == 1; });
  CHECK(!other.HasEnded());
}

TEST_CASE("http door: before a reload the tasks of the gateway end, after it all others but its own") {
  House house;
  Client& lines = house.Connect();
  lines.Get("/api/v1/lines");
  house.Until([&] { return house.tasks.size() == 1; });
  Client& endless = house.Connect();
  endless.Get("/api/v1/endless");
  house.Until([&] { return house.tasks.size() == 2; });
  house.door->EndTasks(true);
  house.Until([&] { return endless.HasEnded() || Told::alive == 1; });
  CHECK(Told::alive == 1);
  house.door->EndTasks(false);
  // An answer may be on its way to it still.
  REQUIRE(Told::alive == 1);
  house.tasks[0]->answer.End();
  house.Until([&] { return lines.HasHeard("503 Service Unavailable"); });
  house.Until([&] { return endless.HasEnded(); });
  CHECK(!endless.Heard().ends_with("\r\n0\r\n\r\n"));
}

}  // namespace
}  // namespace sluice
