#include "drivers/mqtt_paho.h"

#include <algorithm>
#include <stdexcept>

#include "drivers/tls_files.h"
#include "gateway/host_port.h"

namespace sluice {
namespace {

mqtt::ssl_options TlsOptions(const TlsConfig& tls) {
  if (const std::string why = WhyUnreadable(tls); !why.empty()) throw std::runtime_error(why);
  mqtt::ssl_options options;
  options.set_trust_store(tls.ca_file.empty() ? "/etc/ssl/certs/ca-certificates.crt" : tls.ca_file);
  if (!tls.cert_file.empty()) options.set_key_store(tls.cert_file);
  if (!tls.key_file.empty()) options.set_private_key(tls.key_file);
  if (!tls.key_password.empty()) options.set_private_key_password(tls.key_password);
  options.set_enable_server_cert_auth(true);
  options.set_verify(true);  // The host name too.
  return options;
}

}  // namespace

std::string PahoUri(const MqttBrokerConfig& config) {
  return (config.tls ? "ssl://" : "tcp://") + HostInUrl(config.host) + ":" + std::to_string(config.port);
}

int PahoVersion(const MqttBrokerConfig& config) {
  return config.protocol_version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
}

void SetPahoOptions(const MqttBrokerConfig& config, const std::string& gate, mqtt::connect_options& options) {
  options.set_mqtt_version(PahoVersion(config));
  options.set_keep_alive_interval(std::chrono::duration_cast<std::chrono::seconds>(config.keepalive));
  options.set_connect_timeout(std::chrono::duration_cast<std::chrono::seconds>(config.connect_timeout));
  if (!config.username.empty()) options.set_user_name(config.username);
  if (!config.password.empty()) options.set_password(config.password);
  if (!config.tls) return options.set_http_proxy("http://" + gate);
  options.set_https_proxy("https://" + gate);
  options.set_ssl(TlsOptions(*config.tls));
}

std::string PahoReasonText(int reason) {
  const char* text = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(reason));
  return text != nullptr ? text : "reason " + std::to_string(reason);
}

void PahoAnswer::on_success(const mqtt::token& token) {
  if (!succeeded) return;
  try {
    succeeded(token);
  } catch (const std::exception& error) {
    // A connection that ended meanwhile has failed the token under our eyes; nothing may be thrown into C code.
    failed({ErrorCode::kUnavailable, error.what()});
  }
}

void PahoAnswer::on_failure(const mqtt::token& token) {
  if (!failed) return;
  const int code = token.get_return_code();  // Above 0: the broker's, of MQTT 3.1.1 or, if it refused a CONNECT, of MQTT 5.
  const int reason = std::max(static_cast<int>(token.get_reason_code()), code);
  if (reason >= kPahoRefused) return failed({ErrorCode::kInvalid, PahoReasonText(reason)});
  if (code == MQTTASYNC_FAILURE || code == MQTTASYNC_DISCONNECTED) return failed({ErrorCode::kUnavailable, ""});
  failed({code > 0 ? ErrorCode::kInvalid : ErrorCode::kUnavailable, mqtt::exception::error_str(code) + " (" + std::to_string(code) + ")"});
}

}  // namespace sluice
