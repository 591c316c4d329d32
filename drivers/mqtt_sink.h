// The MQTT sink: publishes with QoS 1 over one connection of its own, one for each lane.
//
//   off -> dialing -> connecting -> live -> off (closed, refused, no answer)
//
// Invariants
//  1. kDelivered is said only on a PUBACK that says yes.
//  2. At most the broker's Receive Maximum and kMaxOnTheWay messages are with the library, and one of each key (mqtt_window.h); the rest
//     waits here. The library stores nothing: no persistence, a clean session, no reconnecting by itself.
//  3. When the connection ends every row gets its verdict, once: kRetry; kRejected for those on their way if the broker ended it over a
//     message. So the forwarder sends them singly, and finds the one that it means.
//  4. The library connects only once TCP is open, through the ack gate, as with sources: a broker that is away costs nobody else anything.
//
// There is no back-off here: a connection is made for what Open or Send brings, and if that fails, the rows go back with kRetry, which the
// forwarder meets with its own. A Reset keeps a connection that works.
//
// Why one of a key at a time: an MQTT 5 broker may refuse one message and take the next, and the next may be on the wire already. A key
// then makes one event each round trip; keys go side by side.
//
// Loop thread; the publisher lives on the MQTT control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "drivers/ack_gate.h"
#include "drivers/broker_dialer.h"
#include "drivers/gate_relay.h"
#include "drivers/mqtt_control.h"
#include "drivers/mqtt_publisher.h"
#include "drivers/mqtt_window.h"
#include "gateway/cloud_event.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

class MqttSink : public Sink {
 public:
  static constexpr std::size_t kMaxOnTheWay = 100;

  /// `lane_class`: of the lane; no two sinks have the same name and class. All references outlive the sink.
  MqttSink(const std::string& name, const std::string& lane_class, const MqttSinkConfig& config, const Identity& identity, AckGate& gate,
           MqttControl& control, Loop& loop);

  void Open(SinkListener& listener) override;
  void Send(const Row& row) override;
  void Flush() override;
  void Reset(std::function<void()> ready) override;
  void Close(std::function<void()> closed) override;

 private:
  enum class State { kOff, kDialing, kConnecting, kLive, kClosed };

  void Dial();
  void OnDialed(Result<std::unique_ptr<Socket>> broker);
  void Connect();
  void OnConnected(const Result<MqttLimits>& limits);
  void Pump();
  void OnReceipt(const MqttReceipt& receipt);
  void TellVerdict(Seq seq, Verdict verdict, const std::string& reason);
  void EndGroup();
  void OnRelayEnded(const std::string& why);
  void OnLost(const MqttLoss& loss);
  void OnTimer();
  void Drop(const MqttLoss& loss);
  void FinishClose();
  /// Ends the connection, whatever its state.
  void Disconnect();
  /// A function for other threads: runs `then(value)` on the loop if the connection of now is still in use then.
  template <typename T>
  std::function<void(T)> OnLoop(void (MqttSink::*then)(const T&));

  const std::string name_;
  const MqttSinkConfig config_;
  const std::string client_id_;
  const std::string gate_name_;
  AckGate& gate_;
  MqttControl& control_;
  Loop& loop_;
  CloudEvent cloud_event_;
  const std::unique_ptr<Timer> timer_;  // Connecting: gives up. Live: while answers are due. Ended: waits for the library to say why.
  SinkListener* listener_ = nullptr;

  State state_ = State::kOff;
  std::uint64_t connection_ = 0;  // Number of the present one; what belongs to an older one is ignored.
  MqttLimits limits_;
  MqttWindow window_;
  bool group_open_ = false;  // Verdicts were told, their OnVerdictsDone is due.
  std::string ended_why_;    // The connection has ended; the library may know more.
  std::string last_error_;   // Told in the log.
  std::unique_ptr<BrokerDialer> dialer_;
  std::unique_ptr<GateRelay> relay_;
  std::function<void()> closed_;

  std::unique_ptr<MqttPublisher> publisher_;  // Control thread only.
};

}  // namespace sluice
