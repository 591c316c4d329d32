#include "drivers/http_client.h"

#include <doctest/doctest.h>
#include <netdb.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "tests/kinesis_outside.h"
#include "tests/run_until.h"
#include "tests/temp_dir.h"

namespace {

/// A resolver that does not come back: what a dead link does to DNS.
struct StuckResolver {
  std::mutex mutex;
  std::condition_variable changed;
  bool asked = false;
  bool released = false;
  bool waited_for = false;  // Somebody needed it to come back.

  void Stick() {
    std::unique_lock lock(mutex);
    asked = true;
    changed.notify_all();
    if (!changed.wait_for(lock, std::chrono::seconds(10), [this] { return released; })) waited_for = true;
  }
  void Release() {
    const std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }
};

StuckResolver g_resolver;

}  // namespace

// In place of libc's, for libcurl: addresses are for the tests, one name sticks.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* /*hints*/, addrinfo** found) {
  if (std::strcmp(node, "stuck.invalid") == 0) g_resolver.Stick();
  if (std::strcmp(node, "localhost") != 0) return EAI_NONAME;
  auto* address = static_cast<sockaddr_in*>(std::calloc(1, sizeof(sockaddr_in)));
  address->sin_family = AF_INET;
  address->sin_port = htons(static_cast<std::uint16_t>(std::atoi(service)));
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  *found = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo)));
  **found = {0, AF_INET, SOCK_STREAM, 0, sizeof(sockaddr_in), reinterpret_cast<sockaddr*>(address), nullptr, nullptr};
  return 0;
}

extern "C" void freeaddrinfo(addrinfo* found) {
  std::free(found->ai_addr);
  std::free(found);
}

namespace sluice {
namespace {

using std::chrono::milliseconds;

/// One client on a loop of its own.
struct ClientBench {
  Loop loop;
  HttpClient client{loop};
  std::vector<Result<HttpAnswer>> answers;

  void Send(HttpRequest request) {
    client.Send(std::move(request), [this](Result<HttpAnswer> answer) { answers.push_back(std::move(answer)); });
  }
  Result<HttpAnswer> Ask(HttpRequest request) {
    answers.clear();
    Send(std::move(request));
    CHECK(answers.empty());  // Never from within Send.
    RunUntil(loop, [this] { return !answers.empty(); });
    return answers.front();
  }
};

HttpRequest To(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

TEST_CASE("http client: an answer brings its status, its date and its body, whatever the status") {
  const KinesisPeer peer;
  ClientBench bench;
  const Result<HttpAnswer> answer = bench.Ask(To(peer.Url() + "/nothing"));
  REQUIRE(answer);
  CHECK(answer->status == 403);
  CHECK(answer->request_id == "played");
  CHECK(answer->content_type == "application/x-amz-json-1.1");
  CHECK(answer->body == R"({"message": "no"})");
  REQUIRE(answer->date);
  CHECK(std::chrono::abs(*answer->date - std::chrono::system_clock::now()) < std::chrono::minutes(1));
}

TEST_CASE("http client: nothing of what is under way answers after it was cancelled") {
  const KinesisPeer peer;
  ClientBench bench;
  for (int i = 0; i < 8; ++i) bench.Send(To(peer.Url() + "/cancelled"));
  bench.client.CancelAll();
  CHECK(bench.Ask(To(peer.Url() + "/asked")).has_value());
  CHECK(bench.answers.size() == 1);
}

TEST_CASE("http client: where nobody listens there is an error; an answer over its cap is one, too") {
  const KinesisPeer peer;
  ClientBench bench;
  CHECK(bench.Ask(To("http://127.0.0.1:1/")).error().code == ErrorCode::kUnavailable);
  HttpRequest request = To(peer.Url() + "/");
  request.max_answer = 100;
  CHECK(bench.Ask(std::move(request)).error().message == "the answer is larger than is sensible");
}

TEST_CASE("http client: proxies come from the configuration, not from the environment") {
  const KinesisPeer peer;
  ClientBench bench;
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("all_proxy", "http://127.0.0.1:1", 1);
  CHECK(bench.Ask(To(peer.Url() + "/")).has_value());
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  setenv("no_proxy", "*", 1);
  HttpRequest request = To("http://elsewhere.invalid/");
  request.proxy = peer.Url();
  CHECK(bench.Ask(std::move(request))->status == 403);  // The peer's answer, not a failure to resolve.
  unsetenv("no_proxy");
}

TEST_CASE("http client: who cannot prove who he is gets nothing") {
  const KinesisPeer peer;
  ClientBench bench;
  const auto ask = [&](const std::string& host, const TempDir& dir, int port, bool known, bool with_certificate) {
    HttpRequest request = To("https://" + host + ":" + std::to_string(port) + "/");
    if (known) request.tls.ca_file = dir.Path("cert.pem");
    if (with_certificate) {
      request.tls.cert_file = dir.Path("cert.pem");
      request.tls.key_file = dir.Path("key.pem");
    }
    return bench.Ask(std::move(request)).has_value();
  };
  const TempDir dir;
  const int port = peer.Tell("ServeTls", {{"directory", dir.Path("")}, {"name", "DNS:localhost"}});
  CHECK(ask("localhost", dir, port, true, true));
  CHECK(!ask("localhost", dir, port, false, true));  // Of a CA that is not known.
  CHECK(!ask("127.0.0.1", dir, port, true, true));   // Of another name.
  CHECK(!ask("localhost", dir, port, true, false));  // And we: without a certificate.
}

TEST_CASE("http client: a name that cannot be resolved for long holds up neither the loop nor its own time limit") {
  ClientBench bench;
  HttpRequest request = To("http://stuck.invalid/");
  request.time_limit = milliseconds(200);
  CHECK(!bench.Ask(std::move(request)));  // While the resolver still has not come back.
  {
    std::unique_lock lock(g_resolver.mutex);
    g_resolver.changed.wait(lock, [] { return g_resolver.asked; });
    CHECK(!g_resolver.waited_for);
  }
  bench.Send(To("http://stuck.invalid/"));
  RunUntil(bench.loop, [turns = 0]() mutable { return ++turns > 3; });
  bench.client.CancelAll();
  g_resolver.Release();
  const std::lock_guard lock(g_resolver.mutex);
  CHECK(!g_resolver.waited_for);
}

}  // namespace
}  // namespace sluice
