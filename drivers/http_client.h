// HTTP/1.1 requests on the loop: libcurl's multi interface.
//
// Invariants
//  1. Each request given to Send gets exactly one answer or error, never from within Send; none after CancelAll.
//  2. An answer is complete, whatever its status says. Redirects are answers like any other: they are not followed.
//  3. Certificates and host names are verified, always.
//  4. Nothing comes from the environment: no proxy, no .netrc, no signals.
//
// A connection that was kept open and turns out to be dead makes libcurl send the request again on a new one, a POST too. So the other side
// may see a request twice; callers that care for order never have two requests about the same thing under way.
//
// Loop thread. Names are resolved on libcurl's own threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/fd_watch.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

struct HttpRequest {
  std::string url;
  std::vector<Property> headers;
  std::optional<std::string> body;  ///< Present: POST; else GET.
  TlsConfig tls;
  std::string proxy;  ///< "http://[user:password@]host:port", or empty.
  std::chrono::milliseconds connect_limit{10'000};
  std::chrono::milliseconds time_limit{30'000};  ///< For all of it, connecting included.
  std::size_t max_answer = 1u << 20;             ///< Bytes of head and body; a larger answer is an error.
};

struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::string request_id;        ///< x-amzn-RequestId: what AWS' support asks for.
  std::optional<WallTime> date;  ///< The other side's clock, to the second.
  std::string body;
};

class HttpClient {
 public:
  /// kUnavailable: there is no answer, and why. May call Send and CancelAll; must not destroy the client.
  using Done = std::function<void(Result<HttpAnswer>)>;

  explicit HttpClient(Loop& loop);
  /// As CancelAll.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void Send(HttpRequest request, Done done);
  /// Forgets all requests under way. They may still arrive.
  void CancelAll();

 private:
  struct Exchange;

  static int OnSocketWanted(void* easy, int fd, int what, void* self, void* unused);
  static int OnTimerWanted(void* multi, long delay_ms, void* self);
  void Act(int fd, int ready);
  void Finish();

  Loop& loop_;
  void* const multi_;  // CURLM. libcurl's headers stay in the .cc.
  const std::unique_ptr<Timer> timer_;
  std::map<int, std::unique_ptr<FdWatch>> watches_;
  std::unordered_map<void*, std::unique_ptr<Exchange>> exchanges_;  // By their CURL handle.
};

}  // namespace sluice
