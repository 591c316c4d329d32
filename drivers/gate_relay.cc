#include "drivers/gate_relay.h"

#include <sys/socket.h>

#include <array>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

// One loop thread: one buffer serves all relays.
thread_local std::array<char, kChunk> g_chunk;

}  // namespace

GateRelay::GateRelay(std::unique_ptr<Socket> broker, std::function<void(const std::string&)> ended)
    : ended_(std::move(ended)), broker_(std::move(broker)) {}

void GateRelay::Join(std::unique_ptr<Socket> client) {
  client_ = std::move(client);
  broker_->Watch(UV_READABLE, [this](int) { OnReady(); });
  client_->Watch(UV_READABLE, [this](int) { OnReady(); });
}

void GateRelay::OnReady() {
  const bool moved_down = Move(*broker_, *client_, down_);
  const bool moved_up = Move(*client_, *broker_, up_);
  const bool broken = !moved_down || !moved_up;
  Watch(broken);
  if (broken) return End("the connection to the broker broke");
  if (down_.ended) return End("the broker closed the connection");
  if (up_.ended) End("the MQTT client closed the connection");
}

bool GateRelay::Move(Socket& from, Socket& to, Way& way) {
  if (!way.bytes.SendTo(to)) return false;
  if (way.ended || !way.bytes.IsEmpty()) return true;
  const ssize_t got = from.Receive(g_chunk.data(), g_chunk.size());
  if (got == Socket::kNothingNow) return true;
  if (got == Socket::kBroken) return false;
  if (got == 0) {
    way.ended = true;
    ::shutdown(to.fd(), SHUT_WR);
    return true;
  }
  return way.bytes.SendTo(to, {g_chunk.data(), static_cast<std::size_t>(got)});
}

void GateRelay::Watch(bool broken) {
  const auto events = [broken](const Way& in, const Way& out) {
    if (broken) return 0;
    return (in.bytes.IsEmpty() && !in.ended ? UV_READABLE : 0) | (out.bytes.IsEmpty() ? 0 : UV_WRITABLE);
  };
  broker_->SetEvents(events(down_, up_));
  client_->SetEvents(events(up_, down_));
}

void GateRelay::End(const std::string& why) {
  auto ended = std::exchange(ended_, nullptr);
  if (ended) ended(why);  // May destroy this.
}

}  // namespace sluice
