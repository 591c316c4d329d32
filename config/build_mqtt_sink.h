// A sink of type "mqtt".
#pragma once

#include <string>

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

void ReadMqttSink(ObjectReader& reader, const std::string& name, const GatewayConfig& gateway, MqttSinkConfig& mqtt);

}  // namespace sluice
