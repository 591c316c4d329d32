// Reads everything that is published at a broker, as an MQTT 5 subscriber of `#`.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/event.h"

namespace sluice {

class MqttReader {
 public:
  /// What arrived, in the order in which the broker sent it.
  struct Message {
    std::string topic;
    std::string payload;
    std::string content_type;
    std::vector<Property> properties;
    int expiry = -1;  ///< Seconds; -1: none.
  };

  /// Subscribed when it returns. Ends the program if the broker does not answer.
  explicit MqttReader(std::uint16_t port);
  ~MqttReader();

  /// All that the broker has taken before the call.
  std::vector<Message> Messages();
  /// The broker is a new one on the same port: subscribes again.
  void Reconnect();

 private:
  class Client;

  const std::uint16_t port_;
  int markers_ = 0;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<Message> messages_;
  int markers_seen_ = 0;

  std::unique_ptr<Client> client_;  // Last: it uses the rest.
};

}  // namespace sluice
