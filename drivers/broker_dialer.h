// Opens a TCP connection to a broker on the loop: name resolution, every address in turn, and an operator's HTTP proxy if there is one.
//
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drivers/connect_request.h"
#include "drivers/socket.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

class BrokerDialer {
 public:
  struct Target {
    std::string host;
    std::uint16_t port = 0;
    std::string proxy;  ///< "http://[user:password@]host:port", or empty.
    std::chrono::milliseconds timeout{10'000};
  };
  /// An open socket, with nothing watched, or why there is none (kUnavailable). Called once; destroying the dialer cancels.
  using Done = std::function<void(Result<std::unique_ptr<Socket>>)>;

  BrokerDialer(Loop& loop, Target target, Done done);
  ~BrokerDialer();

 private:
  struct Address;
  struct Lookup;

  void Start();
  void Resolve(const std::string& host, std::uint16_t port);
  void OnResolved(int status, std::vector<Address> addresses, const std::string& host);
  void ConnectNext();
  void OnConnected();
  void AskProxy();
  void OnProxyAnswer();
  void Finish(Result<std::unique_ptr<Socket>> result);
  void Give(std::string reason);
  std::string Name() const { return target_.host + ":" + std::to_string(target_.port); }

  Loop& loop_;
  const Target target_;
  Done done_;
  ProxyUrl proxy_;
  std::unique_ptr<Timer> timer_;
  Lookup* lookup_ = nullptr;  // Owned by libuv until its callback.
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  std::unique_ptr<Socket> socket_;
  std::string answer_;
  std::string last_error_;
};

}  // namespace sluice
