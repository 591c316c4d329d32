// One connection's MQTT client: Eclipse Paho C++, as far as Sluice uses it.
//
// What is relied on (Paho C 1.3.12; tests/mqtt_source_test.cc): the message callback runs before PUBACK is written, with MQTT 5 also before
// PUBREC; its return value does not withhold the acknowledgement; callbacks must be set before connect, or messages are acknowledged
// unseen.
//
// Threads: made, called and destroyed on the MQTT control thread. The handlers and the `done` functions run on Paho's threads: they may
// only hand over.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/result.h"

namespace sluice {

class MqttClient {
 public:
  struct Handlers {
    std::function<void(Event)> on_event;
    /// Gets what comes on MqttDropCount::kTopic, which then makes no event; null: it makes events like all else.
    std::function<void(const std::string& payload)> on_drop_count;
  };
  /// `gate`: "user:password@host:port" of the ack gate. `config` outlives the client.
  static Result<std::unique_ptr<MqttClient>> Create(const MqttSourceConfig& config, const std::string& gate, Handlers handlers);
  virtual ~MqttClient() = default;

  /// `done`: whether the broker had a session, or why there is no connection.
  virtual Result<void> Connect(std::function<void(Result<bool> session_present)> done) = 0;
  /// `done`: per filter of the configuration, the granted QoS or a failure code (>= 0x80).
  virtual Result<void> Subscribe(std::function<void(Result<std::vector<int>> granted)> done) = 0;
  /// `done`: the broker has none of them any more.
  virtual Result<void> Unsubscribe(const std::vector<std::string>& filters, std::function<void(bool gone)> done) = 0;
  /// Asks for MqttDropCount::kTopic, with QoS 0. `done` may never run: then there is no answer.
  virtual Result<void> SubscribeToDropCount(std::function<void(bool granted)> done) = 0;
  /// Sends DISCONNECT. The session stays.
  virtual void Disconnect() = 0;
};

}  // namespace sluice
