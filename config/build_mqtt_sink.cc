#include "config/build_mqtt_sink.h"

#include "config/build_mqtt_broker.h"

namespace sluice {

void ReadMqttSink(ObjectReader& reader, const std::string& name, const GatewayConfig& gateway, MqttSinkConfig& mqtt) {
  ReadMqttBroker(reader, name, gateway, mqtt);
  reader.BytesOf("max_packet", 1024, mqtt.max_packet, mqtt.max_packet);
}

}  // namespace sluice
