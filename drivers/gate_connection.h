// One connection through the ack gate: the broker on one side, our MQTT client on the other, bytes in between.
//
// Invariants
//  1. Bytes from the client are read first, then `handed` of the connection: their ticket. They go to the broker when done >= ticket. The
//  client
//     wrote an acknowledgement after its callback had pushed the event, so the ticket covers it.
//  2. Bytes leave in the order they came; the client's end of file queues behind them. Held bytes die with the connection.
//  3. Nothing is read from the broker while the inbox is full or the client does not take what was read: memory is bounded.
//  4. While events are not durable the client's side is read at cuts only: whatever it writes would have to wait.
//
// Bytes are never looked into: TLS passes like anything else.
//
// Loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "drivers/outgoing.h"
#include "drivers/socket.h"
#include "gateway/inbox.h"
#include "gateway/loop.h"

namespace sluice {

enum class GateEnd {
  kClosed,  ///< One of the sides closed or broke.
  kHeld,    ///< Events were not durable for too long: closed before the broker does it.
};

class GateConnection {
 public:
  /// `hold_limit`: how long events may stay undone without any progress. `ended` runs at most once and may destroy the connection.
  GateConnection(Loop& loop, Inbox& inbox, ConnectionId connection, std::unique_ptr<Socket> broker, std::chrono::milliseconds hold_limit,
                 std::function<void(GateEnd, const std::string& why)> ended);

  /// The client has come: what moves, moves from now on.
  void Join(std::unique_ptr<Socket> client);
  bool IsJoined() const { return client_ != nullptr; }
  /// The highest ticket of what went to the broker; known after the end, too.
  std::uint64_t released() const { return released_; }

  void OnCut();
  void OnDurable();
  /// Reads no more from the broker. When then the client closes, the end comes once the broker has closed, too.
  void StopReading();

 private:
  struct Held {
    std::string bytes;
    std::uint64_t ticket;
  };

  void OnBrokerReady(int events);
  void OnClientReady(int events);
  bool ReadBroker();
  bool ReadClient();
  bool SendToClient();
  bool SendToBroker();
  bool Leave();
  void WaitForBroker();
  void Watch();
  void WatchHold();
  bool IsAllDone() const { return inbox_.DoneCount(connection_) >= inbox_.HandedCount(connection_); }
  bool End(GateEnd end, const std::string& why);

  Inbox& inbox_;
  const ConnectionId connection_;
  const std::chrono::milliseconds hold_limit_;
  const Clock& clock_;
  std::function<void(GateEnd, const std::string&)> ended_;
  std::unique_ptr<Socket> broker_;
  std::unique_ptr<Socket> client_;

  Outgoing to_client_;  // Read from the broker, not yet taken by the client.
  std::deque<Held> held_;
  Outgoing to_broker_;  // Released.
  std::uint64_t released_ = 0;
  bool client_ended_ = false;
  bool quiet_ = false;
  bool leaving_ = false;  // All is sent, the client is gone, the broker is to close.

  const std::unique_ptr<Timer> hold_timer_;
  std::uint64_t done_seen_ = 0;
  MonotonicTime progress_;  // When `done` last moved, or nothing was undone.
};

}  // namespace sluice
