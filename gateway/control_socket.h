// The control socket: a Unix stream socket on which a running daemon answers its command line.
//
// A request is one line of JSON with a member "command"; the answer is lines of JSON, the last one {"end": true} or {"error": "..."}; then
// the connection ends.
//
// Invariants
//  1. Whatever a client sends or leaves unsent, it costs at most kMaxRequest bytes, and kIdle of one of kMaxClients places. When all places
//     are taken, one who has not asked yet gives way.
//  2. No more of an answer is made before the client has taken what was sent.
//  3. Only the user and the group of the daemon may connect (mode 0660): who is in the group may do all that the command line can.
//
// Loop thread.
#pragma once

#include <uv.h>

#include <chrono>
#include <list>
#include <memory>
#include <string>

#include "gateway/control_commands.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

class ControlSocket {
 public:
  static constexpr std::size_t kMaxRequest = 64u << 10;
  static constexpr std::size_t kMaxClients = 8;
  static constexpr std::chrono::seconds kIdle{30};

  /// Takes the place of a socket that nobody answers. kLocked: somebody answers on it. `loop` and `commands` outlive the
  /// socket.
  static Result<std::unique_ptr<ControlSocket>> Open(Loop& loop, const std::string& path, const ControlCommands& commands);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// Requests wait until Resume: there is nobody to carry them out.
  void Pause() { paused_ = true; }
  void Resume();
  /// Their clients see the answer break off: of all tasks but those that outlive a reload, or only of those that need the gateway.
  void EndTasks(bool only_of_gateway);
  /// Takes no more requests and removes the file. Answers are not wanted any more; the tasks end by themselves.
  void Close();

 private:
  class Session;

  ControlSocket(Loop& loop, std::string path, const ControlCommands& commands) : loop_(loop), path_(std::move(path)), commands_(commands) {}
  Result<void> Listen(int fd);
  void OnClient();
  void MakeRoom();

  Loop& loop_;
  const std::string path_;
  const ControlCommands& commands_;
  std::list<Session*> sessions_;  // Oldest first; each owns itself until libuv lets go of its handle.
  uv_pipe_t* listener_ = nullptr;
  bool paused_ = false;
};

}  // namespace sluice
