// Who gets what over HTTP.
#include "gateway/http_pages.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "gateway/http_address.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr const char* kToken = "sixteen-letters!";

/// A task that does nothing; what it was asked for is kept.
struct Idle : ControlTask {
  void Next() override {}
};

class Nobody : public ControlAnswer {
 public:
  bool IsWanted() const override { return true; }
  void Send(std::string) override {}
  void End() override {}
  void Fail(const std::string&) override {}
};

/// The pages of a daemon with one command of each kind.
class Site {
 public:
  Site() {
    for (const auto& [name, kind] : {std::pair{"status", CommandKind::kDocument},
                                     {"outbox.stats", CommandKind::kReport},
                                     {"letters.list", CommandKind::kEvents},
                                     {"letters.purge", CommandKind::kChange}}) {
      commands_.Add(
          name,
          [this](const Json& request, ControlAnswer&) -> Result<std::unique_ptr<ControlTask>> {
            if (request.contains("bad")) return Fail(ErrorCode::kInvalid, "bad");
            asked = request;
            return std::make_unique<Idle>();
          },
          kind);
    }
  }
  /// 0: a page or a task is begun.
  unsigned Status(const HttpRequest& request) {
    plan = pages_.Find(request, guard, nobody_);
    return plan.reply ? plan.reply->status : 0;
  }

  HttpGuard guard{HttpConfig{.listen = "", .token = kToken, .hosts = {"gw.plant.example"}}};
  std::string why_not;
  HttpPages::Plan plan;
  Json asked;

 private:
  ControlCommands commands_;
  Nobody nobody_;
  HttpPages pages_{{commands_, [](auto) {}, [](auto) {}, [this] { return why_not; }}};
};

HttpRequest Request(const std::string& path, const std::string& method = "GET") {
  return {.method = method,
          .path = path,
          .query = {},
          .host = "localhost:9807",
          .authorization = "",
          .body = "",
          .over_tcp = true,
          .own_ip = "192.0.2.7"};
}

HttpRequest WithHost(const std::string& host) {
  HttpRequest request = Request("/metrics");
  request.host = host;
  return request;
}

HttpRequest WithToken(HttpRequest request, const std::string& authorization) {
  request.authorization = authorization;
  return request;
}

TEST_CASE("http: whoever calls us by a name of ours is answered; any other name gets nothing, whatever it asks for") {
  Site site;
  for (const char* host : {"localhost", "LocalHost:9807", "127.0.0.1:9807", "127.9.9.9", "[::1]:9807", "192.0.2.7:9807", "gw.plant.example",
                           "GW.plant.example.:80"}) {
    CHECK_MESSAGE(site.Status(WithHost(host)) == 0, host);
  }
  for (const char* host : {"", "evil.example", "localhost.evil.example", "192.0.2.8", "gw", "127.0.0.1.evil.example", "::1", "[::2]",
                           "a:b:c", "localhost@evil"}) {
    CHECK_MESSAGE(site.Status(WithHost(host)) == 421, host);
  }
  for (const char* path : {"/", "/healthz", "/readyz", "/api/v1/status", "/api/v1/letters/purge"}) {
    HttpRequest request = Request(path);
    request.host = "evil.example";
    CHECK_MESSAGE(site.Status(request) == 421, path);
  }
}

TEST_CASE("http: events are shown, and changes made, only for who shows the token") {
  Site site;
  for (const HttpRequest& request : {Request("/api/v1/letters/list"), Request("/api/v1/letters/purge", "POST")}) {
    for (const char* wrong : {"", "Bearer ", "Bearer sixteen-letters?", "Bearer sixteen-letters!x", "Bearer sixteen-letter",
                              "sixteen-letters!", "Basic sixteen-letters!", "Bearer  sixteen-letters!"}) {
      CHECK_MESSAGE(site.Status(WithToken(request, wrong)) == 401, wrong);
      CHECK(site.plan.reply->challenge);
    }
    CHECK(site.Status(WithToken(request, "Bearer sixteen-letters!")) == 0);
    CHECK(site.Status(WithToken(request, "bearer sixteen-letters!")) == 0);
  }
}

TEST_CASE("http: without a token in the configuration nobody gets these over TCP, and everybody over the Unix socket") {
  Site site;
  site.guard = HttpGuard(HttpConfig{});
  for (HttpRequest request : {Request("/api/v1/letters/list"), Request("/api/v1/letters/purge", "POST")}) {
    for (const char* shown : {"", "Bearer ", "Bearer x"}) CHECK(site.Status(WithToken(request, shown)) == 403);
    request.over_tcp = false;
    request.host = "whatever";
    CHECK(site.Status(request) == 0);
  }
}

TEST_CASE("http: how the gateway is doing is told without a token") {
  Site site;
  for (const char* path : {"/metrics", "/readyz", "/api/v1/status", "/api/v1/outbox/stats"})
    CHECK_MESSAGE(site.Status(Request(path)) == 0, path);
  for (const char* path : {"/", "/healthz"}) CHECK_MESSAGE(site.Status(Request(path)) == 200, path);
  CHECK(site.Status(Request("/metrics", "HEAD")) == 0);
}

TEST_CASE("http: a change is made by POST only, also with the token; pages are only read") {
  Site site;
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    CHECK_MESSAGE(site.Status(WithToken(Request("/api/v1/letters/purge", method), "Bearer sixteen-letters!")) == 405, method);
    CHECK(site.plan.reply->allow == "POST");
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) CHECK_MESSAGE(site.Status(Request("/metrics", method)) == 405, method);
}

TEST_CASE("http: what there is not is not found, and a request that makes no sense is told why") {
  Site site;
  for (const char* path : {"/x", "/metrics/", "//metrics", "/api/v1/", "/api/v1/nothing", "/api/v2/status", "/../etc/passwd", ""}) {
    CHECK_MESSAGE(site.Status(Request(path)) == 404, path);
  }
  HttpRequest request = Request("/api/v1/status");
  request.query = {{"bad", "1"}};
  CHECK(site.Status(request) == 400);
  request = Request("/api/v1/status", "POST");
  for (const char* body : {"[]", "{", "1", "\xff", "null"}) {
    request.body = body;
    CHECK_MESSAGE(site.Status(request) == 400, body);
  }
}

TEST_CASE("http: a query and a body say the same to a command, and neither can name another") {
  Site site;
  HttpRequest request = WithToken(Request("/api/v1/letters/list"), "Bearer sixteen-letters!");
  request.query = {{"all", "true"}, {"sink", "cloud"}, {"n", "5"},    {"ids", "1/3"},
                   {"ids", "1/4"},  {"text", "\"7\""}, {"odd", "{}"}, {"command", "letters.purge"}};
  CHECK(site.Status(request) == 0);
  const Json expected = {{"command", "letters.list"}, {"all", true}, {"sink", "cloud"}, {"n", 5},
                         {"ids", {"1/3", "1/4"}},     {"text", "7"}, {"odd", "{}"}};
  CHECK(site.asked == expected);
  HttpRequest post = WithToken(Request("/api/v1/letters/list", "POST"), "Bearer sixteen-letters!");
  post.body = expected.dump();
  site.asked = nullptr;
  CHECK(site.Status(post) == 0);
  CHECK(site.asked == expected);
}

TEST_CASE("http: a document is answered as a whole, all else as it comes") {
  Site site;
  CHECK(site.Status(Request("/api/v1/status")) == 0);
  CHECK(!site.plan.is_stream);
  CHECK(site.Status(Request("/api/v1/outbox/stats")) == 0);
  CHECK(site.plan.is_stream);
}

TEST_CASE("http: while no command can be carried out, pages are there all the same") {
  Site site;
  site.why_not = "the daemon is stopping";
  CHECK(site.Status(Request("/api/v1/status")) == 503);
  CHECK(site.Status(Request("/readyz")) == 0);
}

TEST_CASE("http address: which are this machine's own") {
  for (const char* text : {"127.0.0.1:1", "127.1.2.3", "[::1]:80", "localhost:80", "unix:/run/x"})
    CHECK_MESSAGE(HttpAddress::Parse(text)->IsLocal(), text);
  for (const char* text : {"0.0.0.0:1", "[::]:80", "192.0.2.1", "[fe80::1]:80", "128.0.0.1"})
    CHECK_MESSAGE(!HttpAddress::Parse(text)->IsLocal(), text);
  CHECK(HttpAddress::Parse("127.0.0.1")->port == 9807);
}

}  // namespace
}  // namespace sluice
