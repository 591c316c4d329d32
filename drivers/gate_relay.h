// A connection through the ack gate that nothing is held on: a sink's broker on one side, our MQTT client on the other, bytes in between.
// It has nothing to do with the inbox: a sink goes on while sources have to wait, or a full disk could never be emptied.
//
// Invariants
//  1. Nothing is read from one side while the other has not taken what was read before: memory is bounded.
//  2. The end of one side reaches the other after all bytes; what the other still says is carried on.
//
// Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "drivers/outgoing.h"
#include "drivers/socket.h"

namespace sluice {

class GateRelay {
 public:
  /// `ended` runs at most once, when one of the sides has ended, and may destroy the relay.
  GateRelay(std::unique_ptr<Socket> broker, std::function<void(const std::string& why)> ended);

  /// The client has come: bytes move from now on.
  void Join(std::unique_ptr<Socket> client);

 private:
  /// One direction.
  struct Way {
    Outgoing bytes;  // Read, not yet taken by the other side.
    bool ended = false;
  };

  void OnReady();
  /// Moves what can be moved now; false if a side is broken.
  static bool Move(Socket& from, Socket& to, Way& way);
  void Watch(bool broken);
  void End(const std::string& why);

  std::function<void(const std::string&)> ended_;
  std::unique_ptr<Socket> broker_;
  std::unique_ptr<Socket> client_;
  Way down_;  // From the broker to the client.
  Way up_;
};

}  // namespace sluice
