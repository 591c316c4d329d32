// What the clients of the Eclipse Paho library have in common: address, options, answers. The only header that knows Paho; for
// mqtt_client.cc and mqtt_publisher.cc.
#pragma once

#include <mqtt/async_client.h>

#include <exception>
#include <functional>
#include <string>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

/// Reason codes from here on say no.
constexpr int kPahoRefused = 0x80;

std::string PahoUri(const MqttBrokerConfig& config);
int PahoVersion(const MqttBrokerConfig& config);
/// All but the session. Throws if a file of TLS cannot be read. `gate`: "user:password@host:port" of the ack gate.
void SetPahoOptions(const MqttBrokerConfig& config, const std::string& gate, mqtt::connect_options& options);

/// What a reason code of MQTT 5 means.
std::string PahoReasonText(int reason);

/// The library's answer to one call. `failed` gets kInvalid if the broker said no, kUnavailable otherwise; then without a message if the
/// library only knows that it failed.
class PahoAnswer : public mqtt::iaction_listener {
 public:
  std::function<void(const mqtt::token&)> succeeded;
  std::function<void(const Error&)> failed;

 private:
  void on_success(const mqtt::token& token) override;
  void on_failure(const mqtt::token& token) override;
};

/// Calls the library, whose exceptions end here: kUnavailable.
template <typename F>
Result<void> CallPaho(F call) {
  try {
    call();
    return {};
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kUnavailable, error.what());
  }
}

}  // namespace sluice
