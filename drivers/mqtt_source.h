// A source of events: one subscription session with one MQTT broker, kept alive.
//
//   dialing -> connecting -> subscribing -> live
//      ^                                     | closed, refused
//      +------- waiting (back-off) <---------+
//      +------- paused (until something becomes durable) <-- events could not be made durable for half a keepalive
//
// Each connection has a client, a connection number of the inbox and a gate connection of its own: nothing of an old one can count for a
// new one.
//
// Loop thread; the client lives on the MQTT control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "drivers/ack_gate.h"
#include "drivers/broker_dialer.h"
#include "drivers/gate_connection.h"
#include "drivers/mqtt_client.h"
#include "drivers/mqtt_control.h"
#include "drivers/mqtt_drop_count.h"
#include "drivers/mqtt_subscriptions.h"
#include "drivers/redelivery.h"
#include "gateway/backoff.h"
#include "gateway/inbox.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

enum class MqttSourceState { kStopped, kDialing, kConnecting, kSubscribing, kLive, kWaiting, kPaused };

struct MqttSourceStatus {
  MqttSourceState state = MqttSourceState::kStopped;
  std::uint64_t connects = 0;
  std::uint64_t disconnects = 0;
  std::uint64_t sessions_lost = 0;  ///< The broker had forgotten the session, and with it what it kept for us.
  std::uint64_t pauses = 0;
  std::string last_error;
};

class MqttSource : public Source {
 public:
  /// All references outlive the source. `seed`: of the back-off's jitter.
  MqttSource(MqttSourceConfig config, AckGate& gate, MqttControl& control, MqttSubscriptions& subscriptions, Loop& loop, Inbox& inbox,
             std::uint64_t seed);

  SourceStatus Status() const override;
  bool IsConnected() const override { return status_.state == MqttSourceState::kLive; }
  void Start() override;
  void OnCut() override;
  void OnDurable() override;
  void Quiesce(std::function<void()> stopped) override;
  void Close(std::function<void()> closed) override;

  const MqttSourceStatus& status() const { return status_; }

 private:
  void Dial();
  void OnDialed(Result<std::unique_ptr<Socket>> broker);
  void ConnectClient();
  void OnConnected(const Result<bool>& session_present);
  /// `is_new`: the session knows no filters.
  void Subscribe(bool is_new);
  void OnSubscribed(const Result<std::vector<int>>& granted);
  void Unsubscribe();
  void OnStraysGone(const bool& gone);
  void GoLive();
  void AskForDropCount();
  void OnDropCountAnswered(const bool& granted);
  void OnDropCount(const std::uint64_t& counter);
  void OnGateEnded(GateEnd end, const std::string& why);
  void Drop(bool paused, const std::string& why);
  /// `released`, `kept`: see Redelivery::OnEnded.
  void DestroyClient(std::uint64_t released, std::uint64_t kept);
  void LookForQuiet();
  void FinishClose();
  /// A function for other threads: runs `then(value)` on the loop if the attempt that is under way now is still under way then.
  template <typename T>
  std::function<void(T)> OnLoop(void (MqttSource::*then)(const T&));

  const MqttSourceConfig config_;
  AckGate& gate_;
  MqttControl& control_;
  MqttSubscriptions& subscriptions_;  // Control thread only.
  Loop& loop_;
  Inbox& inbox_;
  Backoff backoff_;
  const std::unique_ptr<Timer> timer_;  // Waiting: dials again. Connecting, subscribing: gives up. Closing: gives up.

  MqttSourceStatus status_;
  std::uint64_t attempt_ = 0;
  MonotonicTime live_since_{};
  std::unique_ptr<BrokerDialer> dialer_;
  std::unique_ptr<GateConnection> gate_connection_;
  ConnectionId connection_ = 0;
  const std::unique_ptr<Timer> quiet_timer_;  // Running: the stop waits for the client's last events.
  bool quiet_ = false;
  bool subscribed_ = false;         // By this process, with the filters of its configuration.
  std::string ended_why_;           // Why the connection ended while it was being made.
  std::function<void()> quiesced_;  // Then.
  int quiet_looks_ = 0;             // It has looked for them so often,
  std::uint64_t handed_seen_ = 0;   // and had seen so many.
  std::function<void()> closed_;
  const bool is_drop_count_ours_;  // The operator does not subscribe to it himself.
  MqttDropCount drop_count_;
  bool drop_count_refused_ = false;  // Or not granted yet: a broker that ends the connection over it is not asked again.

  Redelivery redelivery_;               // The client's threads; between two clients, the control thread.
  std::unique_ptr<MqttClient> client_;  // Control thread only.
};

}  // namespace sluice
