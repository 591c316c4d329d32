#include "drivers/gate_connection.h"

#include <array>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

// One loop thread: one buffer serves all connections.
thread_local std::array<char, kChunk> g_chunk;

}  // namespace

GateConnection::GateConnection(Loop& loop, Inbox& inbox, ConnectionId connection, std::unique_ptr<Socket> broker,
                               std::chrono::milliseconds hold_limit, std::function<void(GateEnd, const std::string&)> ended)
    : inbox_(inbox),
      connection_(connection),
      hold_limit_(hold_limit),
      clock_(loop),
      ended_(std::move(ended)),
      broker_(std::move(broker)),
      hold_timer_(loop.NewTimer([this] { WatchHold(); })),
      progress_(loop.Now()) {}

void GateConnection::Join(std::unique_ptr<Socket> client) {
  client_ = std::move(client);
  broker_->Watch(UV_READABLE, [this](int events) { OnBrokerReady(events); });
  client_->Watch(UV_READABLE, [this](int events) { OnClientReady(events); });
  hold_timer_->Start(hold_limit_ / 8);
}

void GateConnection::OnBrokerReady(int events) {
  if (leaving_) return WaitForBroker();
  if ((events & UV_WRITABLE) != 0 && !SendToBroker()) return;
  if ((events & UV_READABLE) != 0 && !ReadBroker()) return;
  Watch();
}

void GateConnection::OnClientReady(int events) {
  if ((events & UV_WRITABLE) != 0 && !SendToClient()) return;
  if ((events & UV_READABLE) != 0 && !ReadClient()) return;
  if (SendToBroker()) Watch();
}

void GateConnection::OnCut() {
  if (client_ && ReadClient()) Watch();
}

void GateConnection::OnDurable() {
  if (client_ && SendToBroker()) Watch();
}

// Whoever closes a TCP connection with something unread resets it, and then the other side may never read what was sent before: the last
// acknowledgements. So the broker is let to close first, and what it still sends is thrown away: it is not acknowledged, and comes again.
bool GateConnection::Leave() {
  leaving_ = true;
  hold_timer_->Stop();
  client_.reset();
  broker_->EndSending();
  broker_->SetEvents(UV_READABLE);
  return false;
}

void GateConnection::WaitForBroker() {
  const ssize_t got = broker_->Receive(g_chunk.data(), g_chunk.size());
  if (got == 0 || got == Socket::kBroken) End(GateEnd::kClosed, "the MQTT client closed the connection");
}

void GateConnection::StopReading() {
  quiet_ = true;
  if (client_) Watch();
}

bool GateConnection::ReadBroker() {
  if (quiet_ || !to_client_.IsEmpty() || inbox_.IsFull()) return true;
  const ssize_t got = broker_->Receive(g_chunk.data(), g_chunk.size());
  if (got == Socket::kNothingNow) return true;
  if (got <= 0) return End(GateEnd::kClosed, got == 0 ? "the broker closed the connection" : "the connection to the broker broke");
  if (to_client_.SendTo(*client_, {g_chunk.data(), static_cast<std::size_t>(got)})) return true;
  return End(GateEnd::kClosed, "the MQTT client closed the connection");
}

bool GateConnection::SendToClient() {
  if (to_client_.SendTo(*client_)) return true;
  return End(GateEnd::kClosed, "the MQTT client closed the connection");
}

bool GateConnection::ReadClient() {
  if (client_ended_) return true;
  const ssize_t got = client_->Receive(g_chunk.data(), g_chunk.size());
  if (got == Socket::kNothingNow) return true;
  if (got <= 0) {
    client_ended_ = true;
    return true;
  }
  const std::uint64_t ticket = inbox_.HandedCount(connection_);  // After the bytes, never before.
  if (held_.empty() || held_.back().ticket != ticket) held_.push_back({"", ticket});
  held_.back().bytes.append(g_chunk.data(), static_cast<std::size_t>(got));
  client_->AcknowledgeNow();
  return true;
}

bool GateConnection::SendToBroker() {
  const std::uint64_t done = inbox_.DoneCount(connection_);
  for (; !held_.empty() && held_.front().ticket <= done; held_.pop_front()) {
    released_ = held_.front().ticket;
    to_broker_.Append(held_.front().bytes);
  }
  if (!to_broker_.SendTo(*broker_)) return End(GateEnd::kClosed, "the connection to the broker broke");
  const bool is_over = client_ended_ && held_.empty() && to_broker_.IsEmpty();
  if (is_over && quiet_) return Leave();
  if (is_over) return End(GateEnd::kClosed, "the MQTT client closed the connection");
  return true;
}

void GateConnection::Watch() {
  int broker = to_broker_.IsEmpty() ? 0 : UV_WRITABLE;
  if (!quiet_ && to_client_.IsEmpty() && !inbox_.IsFull()) broker |= UV_READABLE;
  int client = to_client_.IsEmpty() ? 0 : UV_WRITABLE;
  if (!client_ended_ && held_.empty() && IsAllDone()) client |= UV_READABLE;
  broker_->SetEvents(broker);
  client_->SetEvents(client);
}

void GateConnection::WatchHold() {
  const std::uint64_t done = inbox_.DoneCount(connection_);
  if (done != done_seen_ || IsAllDone()) progress_ = clock_.Now();
  done_seen_ = done;
  if (clock_.Now() - progress_ >= hold_limit_) {
    End(GateEnd::kHeld, "events could not be made durable for too long");
    return;
  }
  hold_timer_->Start(hold_limit_ / 8);
  Watch();
}

bool GateConnection::End(GateEnd end, const std::string& why) {
  hold_timer_->Stop();
  client_.reset();
  broker_.reset();
  auto ended = std::exchange(ended_, nullptr);
  if (ended) ended(end, why);  // May destroy this.
  return false;
}

}  // namespace sluice
