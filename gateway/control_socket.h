// The control socket: a Unix stream socket on which a running daemon answers its command line.
//
// A request is one line of JSON with a member "command"; the answer is lines of JSON, the last one {"end": true} or {"error": "..."}; then
// the connection ends.
//
// Invariants
//  1. Whatever a client sends or leaves unsent, it costs at most kMaxRequest bytes, and kIdle of one of kMaxClients places. When all places
//     are taken, one who has not asked yet gives way.
//  2. No more of an answer is made before the client has taken what was sent.
//  3. Only the user of the daemon may connect (mode 0600).
//
// Loop thread.
#pragma once

#include <uv.h>

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

/// Where a task puts its answer.
class ControlAnswer {
 public:
  virtual ~ControlAnswer() = default;
  /// False once the client is gone: nothing more need be made.
  virtual bool IsWanted() const = 0;
  /// Whole lines. The task's Next runs when the client has taken them or is gone; maybe from within the call.
  virtual void Send(std::string lines) = 0;
  /// The answer is complete. Each task comes here once, with End or Fail; nothing of it runs after.
  virtual void End() = 0;
  virtual void Fail(const std::string& reason) = 0;
};

/// A request that is being carried out. Lives until it has ended its answer, also if the client leaves, so that its callbacks may name it.
class ControlTask {
 public:
  virtual ~ControlTask() = default;
  /// The moment to go on: at first, and whenever what was sent is taken.
  virtual void Next() = 0;
};

/// Makes the task of one command; kInvalid: the request makes no sense, and why.
using ControlHandler = std::function<Result<std::unique_ptr<ControlTask>>(const nlohmann::json& request, ControlAnswer& answer)>;

class ControlSocket {
 public:
  static constexpr std::size_t kMaxRequest = 64u << 10;
  static constexpr std::size_t kMaxClients = 8;
  static constexpr std::chrono::seconds kIdle{30};

  /// Takes the place of a socket that nobody answers. kLocked: somebody answers on it. `loop` outlives the socket.
  static Result<std::unique_ptr<ControlSocket>> Open(Loop& loop, const std::string& path);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  void Handle(const std::string& command, ControlHandler handler) { handlers_[command] = std::move(handler); }
  /// Takes no more requests and removes the file. Answers are not wanted any more; the tasks end by themselves.
  void Close();

 private:
  class Session;

  ControlSocket(Loop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}
  Result<void> Listen(int fd);
  void OnClient();
  void MakeRoom();

  Loop& loop_;
  const std::string path_;
  std::map<std::string, ControlHandler> handlers_;
  std::list<Session*> sessions_;  // Oldest first; each owns itself until libuv lets go of its handle.
  uv_pipe_t* listener_ = nullptr;
};

}  // namespace sluice
