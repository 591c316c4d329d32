// What MQTT sources and sinks have in common: where the broker is and who we are to it.
#pragma once

#include <string>

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

/// Reads url, tls, client_id, username, password, proxy, protocol, keepalive and connect_timeout. `name`: of the source or sink.
void ReadMqttBroker(ObjectReader& reader, const std::string& name, const GatewayConfig& gateway, MqttBrokerConfig& broker);

}  // namespace sluice
