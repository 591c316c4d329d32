// What to tell of an MQTT connection that could not be made, by source and sink alike.
//
// Pure.
#pragma once

#include <string>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

/// `error`: the library's; kInvalid if the broker said no, without a message if the connection ended before an answer. `ended_why`: what
/// ended it, or empty.
inline std::string WhyNotConnected(const Error& error, const std::string& ended_why, const MqttBrokerConfig& config) {
  if (error.code == ErrorCode::kInvalid) return "the broker refused the connection: " + error.message;
  if (!error.message.empty()) return "cannot connect: " + error.message;
  const std::string why = ended_why.empty() ? "the connection ended before the broker answered" : ended_why;
  if (!config.tls) return why;
  // The library does not tell what TLS found wrong (its way to tell it, an error handler, is called with options that are gone: Paho C++
  // 1.2.0). Which side closes first is chance.
  return why + "; if that is TLS: the broker's certificate must be for `" + config.host +
         "`, in time by this machine's clock, and of a CA in `ca_file`; and the broker must take ours (`cert_file`), if it wants one";
}

}  // namespace sluice
