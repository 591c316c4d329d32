// The ack gate: an HTTP CONNECT proxy on loopback between the MQTT client library and the brokers. For a source it holds what the library
// writes until the events it may acknowledge are durable: what passes and what waits is in gate_connection.h. For a sink everything passes
// (gate_relay.h).
//
// Invariants
//  1. It listens on 127.0.0.1 only, and lets in only who knows the password, drawn at random for this process. The user name says who is
//  expected.
//  2. It dials no one: the source or sink brings a connection that is open. So CONNECT is answered at once, and no broker that is away can
//  make the
//     library wait (it would do so while holding a lock that all its clients share).
//  3. One client per expected connection.
//
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "drivers/socket.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

class AckGate {
 public:
  /// kUnavailable if there is no port to listen on. `loop` outlives the gate.
  static Result<std::unique_ptr<AckGate>> Open(Loop& loop);

  /// The next client of this name, answered already, is given to `joined`, until Forget. REQUIRES: none of the name is expected.
  using Joined = std::function<void(std::unique_ptr<Socket> client)>;
  void Expect(const std::string& name, Joined joined);
  void Forget(const std::string& name);

  std::uint16_t port() const { return port_; }
  /// "user:password@127.0.0.1:port", for the client library's proxy setting.
  std::string Authority(const std::string& name) const;

 private:
  struct Visitor {
    std::unique_ptr<Socket> socket;
    std::unique_ptr<Timer> patience;
    std::string head;
  };
  using Visitors = std::list<Visitor>;

  AckGate(Loop& loop, int fd, std::uint16_t port, std::string password);
  void OnVisitor();
  void OnHead(Visitors::iterator visitor);
  void Admit(Visitors::iterator visitor);
  void Refuse(Visitors::iterator visitor, const std::string& why);

  Loop& loop_;
  Socket listener_;
  const std::uint16_t port_;
  const std::string password_;
  std::map<std::string, Joined> expected_;  // By name.
  Visitors visitors_;
};

}  // namespace sluice
