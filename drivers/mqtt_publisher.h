// One connection's publishing MQTT client: Eclipse Paho C++, as far as the MQTT sink uses it. QoS 1, a clean session, nothing buffered or
// kept by the library, no reconnecting by itself.
//
// What is relied on (Paho C 1.3.12; tests/mqtt_sink_test.cc, tests/e2e/mqtt_sink_test.py): publishes reach the wire in the order of the
// calls; a PUBACK of MQTT 5 tells its reason code; a DISCONNECT's reason is told, and before the end of the connection.
//
// Threads: made, called and destroyed on the MQTT control thread. The functions given to it run on Paho's threads: they may only hand over.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "drivers/mqtt_message.h"
#include "gateway/ports.h"
#include "gateway/result.h"

namespace sluice {

/// What became of one publish.
struct MqttReceipt {
  std::uint64_t number = 0;
  Verdict verdict = Verdict::kDelivered;
  std::string reason;
};

/// How a connection ended.
struct MqttLoss {
  bool blames_message = false;  ///< The broker would not take one of the messages that were on their way.
  std::string reason;
};

class MqttPublisher {
 public:
  struct Listener {
    /// At most once per publish; none if the connection ends first.
    std::function<void(MqttReceipt)> on_receipt;
    /// Once or more, after a connect that succeeded.
    std::function<void(MqttLoss)> on_lost;
  };
  /// `gate`: "user:password@host:port" of the ack gate. `config` outlives the publisher.
  static Result<std::unique_ptr<MqttPublisher>> Create(const MqttBrokerConfig& config, const std::string& client_id,
                                                       const std::string& gate, Listener listener);
  virtual ~MqttPublisher() = default;

  /// `done`: what the broker takes, or why there is no connection (kInvalid: the broker's own words).
  virtual Result<void> Connect(std::function<void(Result<MqttLimits>)> done) = 0;
  /// `number` comes back with the receipt.
  virtual void Publish(std::uint64_t number, MqttMessage message) = 0;
  virtual void Disconnect() = 0;
};

}  // namespace sluice
