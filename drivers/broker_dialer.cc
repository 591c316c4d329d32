#include "drivers/broker_dialer.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/host_port.h"

namespace sluice {
namespace {

// Bounds what the kernel holds for a broker that we do not read from.
constexpr int kSocketBuffer = 256 * 1024;

}  // namespace

struct BrokerDialer::Address {
  sockaddr_storage storage;
  socklen_t size;
};

struct BrokerDialer::Lookup {
  uv_getaddrinfo_t request;
  BrokerDialer* dialer;  // Null once cancelled.
  std::string host;
};

BrokerDialer::BrokerDialer(Loop& loop, Target target, Done done) : loop_(loop), target_(std::move(target)), done_(std::move(done)) {
  timer_ = loop_.NewTimer([this] { Give(last_error_.empty() ? "no answer in time" : last_error_); });
  timer_->Start(target_.timeout);
  Start();
}

void BrokerDialer::Start() {
  if (target_.proxy.empty()) return Resolve(target_.host, target_.port);
  Result<ProxyUrl> proxy = ParseProxyUrl(target_.proxy);
  if (!proxy) {
    last_error_ = proxy.error().message;
    return timer_->Start(std::chrono::milliseconds(0));
  }
  proxy_ = std::move(*proxy);
  Resolve(proxy_.host, proxy_.port);
}

BrokerDialer::~BrokerDialer() {
  if (lookup_ == nullptr) return;
  lookup_->dialer = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->request));
}

void BrokerDialer::Resolve(const std::string& host, std::uint16_t port) {
  auto lookup = std::make_unique<Lookup>(Lookup{{}, this, host});
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  lookup->request.data = lookup.get();
  const auto on_done = [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
    std::unique_ptr<Lookup> finished(static_cast<Lookup*>(request->data));
    std::vector<Address> addresses;
    for (addrinfo* a = found; a != nullptr; a = a->ai_next) {
      Address& address = addresses.emplace_back();
      std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
      address.size = a->ai_addrlen;
    }
    uv_freeaddrinfo(found);
    if (finished->dialer != nullptr) finished->dialer->OnResolved(status, std::move(addresses), finished->host);
  };
  const int status = uv_getaddrinfo(loop_.uv(), &lookup->request, on_done, lookup->host.c_str(), std::to_string(port).c_str(), &hints);
  if (status == 0) {
    lookup_ = lookup.release();
    return;
  }
  last_error_ = uv_strerror(status);
  timer_->Start(std::chrono::milliseconds(0));
}

void BrokerDialer::OnResolved(int status, std::vector<Address> addresses, const std::string& host) {
  lookup_ = nullptr;
  if (status != 0) return Give("cannot resolve " + host + ": " + uv_strerror(status));
  addresses_ = std::move(addresses);
  ConnectNext();
}

void BrokerDialer::ConnectNext() {
  socket_.reset();
  if (next_ >= addresses_.size()) return Give(last_error_);
  const Address& address = addresses_[next_++];
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM, 0);
  if (fd < 0) {
    last_error_ = std::strerror(errno);
    return ConnectNext();
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
  socket_ = std::make_unique<Socket>(loop_, fd);
  const int connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if (connected != 0 && errno != EINPROGRESS) {
    last_error_ = std::strerror(errno);
    return ConnectNext();
  }
  socket_->Watch(UV_WRITABLE, [this](int) { OnConnected(); });
}

void BrokerDialer::OnConnected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    last_error_ = std::strerror(error);
    return ConnectNext();
  }
  socket_->SetEvents(0);
  if (!target_.proxy.empty()) return AskProxy();
  Finish(std::move(socket_));
}

void BrokerDialer::AskProxy() {
  const std::string request =
      FormatConnectRequest({HostInUrl(target_.host) + ":" + std::to_string(target_.port), proxy_.user, proxy_.password});
  if (socket_->Send(request.data(), request.size()) != static_cast<ssize_t>(request.size()))
    return Give("the proxy does not take a request");
  socket_->Watch(UV_READABLE, [this](int) { OnProxyAnswer(); });
}

void BrokerDialer::OnProxyAnswer() {
  // One byte at a time: what follows the head belongs to the broker.
  char byte = 0;
  for (;;) {
    const ssize_t got = socket_->Receive(&byte, 1);
    if (got == Socket::kNothingNow) return;
    if (got <= 0) return Give("the proxy closed the connection");
    answer_ += byte;
    if (FindHeadEnd(answer_) != std::string::npos) break;
    if (answer_.size() > kMaxHttpHead) return Give("the proxy's answer is too long");
  }
  Result<int> status = ParseStatus(answer_);
  if (!status) return Give(status.error().message);
  if (*status != 200) return Give("the proxy refused with status " + std::to_string(*status));
  socket_->SetEvents(0);
  Finish(std::move(socket_));
}

void BrokerDialer::Give(std::string reason) {
  const std::string via = target_.proxy.empty() ? "" : " by proxy " + proxy_.host;
  Finish(Fail(ErrorCode::kUnavailable, "cannot reach " + Name() + via + ": " + reason));
}

void BrokerDialer::Finish(Result<std::unique_ptr<Socket>> result) {
  timer_->Stop();
  socket_.reset();
  Done done = std::exchange(done_, nullptr);
  if (done) done(std::move(result));  // May destroy this.
}

}  // namespace sluice
