// The HTTP server: libmicrohttpd on the loop, without a thread of its own.
//
// Invariants
//  1. Whatever clients send or leave unsent, they cost at most kMaxConnections times kHeaderBytes and HttpExchange::kMaxBody, and each
//  kIdle
//     of its place. When all places are taken, the one whose client has owed a request for the longest gives way.
//  2. Answers in lines take at most kMaxStreams of the places, so that those who only look always get one.
//  3. At most kAcceptAtOnce connections are accepted each kAcceptPause: a flood of them leaves the loop to the events.
//
// Loop thread.
#pragma once

#include <microhttpd.h>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "config/config.h"
#include "gateway/fd_watch.h"
#include "gateway/http_exchange.h"
#include "gateway/http_guard.h"
#include "gateway/http_pages.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

class HttpServer {
 public:
  static constexpr std::size_t kMaxConnections = 16;
  static constexpr std::size_t kMaxStreams = 8;
  static constexpr std::size_t kHeaderBytes = 32u << 10;
  static constexpr std::chrono::seconds kIdle{20};
  static constexpr int kAcceptAtOnce = 8;
  static constexpr std::chrono::milliseconds kAcceptPause{10};

  /// `loop` and `pages` outlive the server. kLocked, kUnavailable: `config.listen` cannot be had.
  static Result<std::unique_ptr<HttpServer>> Open(Loop& loop, const HttpConfig& config, const HttpPages& pages);
  /// At once, whatever is under way. REQUIRES: no task under way will call back; not from within a task.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Who may have what, from now on. `listen` stays as it is.
  void SetGuard(const HttpConfig& config) { guard_ = HttpGuard(config); }
  /// Listens no more, and ends the connections of those who have not asked. `closed` runs once, when the answers under way have ended; it
  /// may destroy the server.
  void Close(std::function<void()> closed);
  /// Answers under way are not wanted any more.
  void GiveUp();
  /// Answers that show events end.
  void EndEvents();
  /// As ControlSocket::EndTasks.
  void EndTasks(bool only_of_gateway);

 private:
  /// A connection. Oldest first: by when its client began to owe us a request.
  struct Place {
    int fd;
    HttpExchange* exchange = nullptr;  ///< None: between two requests.
    bool leaves = false;
  };
  using Places = std::list<Place>;

  HttpServer(Loop& loop, const HttpConfig& config, const HttpPages& pages, int listener, std::string path);
  Result<void> Start();
  void OnListener();
  bool Accept();
  bool MakeRoom();
  void Dismiss(Place& place);
  void OnConnection(MHD_Connection* connection, void** place, bool started);
  MHD_Result OnAccess(MHD_Connection* connection, const char* path, const char* method, const char* data, std::size_t* size,
                      void** exchange);
  void OnCompleted(MHD_Connection* connection, HttpExchange* exchange);
  Place& PlaceOf(MHD_Connection* connection);
  std::size_t Streams() const;
  void PauseListening(std::chrono::milliseconds pause);
  void StopListening();
  void Run();

  HttpGuard guard_;
  const std::string path_;  // Of the Unix socket; empty: TCP.
  int listener_;
  std::unique_ptr<FdWatch> listener_watch_;
  const std::unique_ptr<Timer> accept_timer_;  // Running: no connections are accepted.
  const std::unique_ptr<Timer> run_timer_;     // Running: libmicrohttpd wants to be called.
  const std::unique_ptr<Timer> look_timer_;    // Running while there are exchanges: looks for clients that have left.
  Loop& loop_;
  MHD_Daemon* daemon_ = nullptr;
  std::unique_ptr<FdWatch> daemon_watch_;
  Places places_;
  const HttpExchange::Surroundings surroundings_;
  std::list<std::unique_ptr<HttpExchange>> exchanges_;
  bool ends_ = false;
  std::function<void()> closed_;
};

}  // namespace sluice
