#include "drivers/registry.h"

#include <random>

#include "drivers/file_sink.h"
#include "drivers/kafka_sink.h"
#include "drivers/kinesis_sink.h"
#include "drivers/mqtt_sink.h"

namespace sluice {

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, const std::string& lane_class, const SinkParts& parts) {
  switch (config.type) {
    case SinkType::kKafka:
      return KafkaSink::Create(config.name, config.kafka, parts.identity, parts.loop);
    case SinkType::kFile:
      return std::make_unique<FileSink>(config.file, parts.identity, parts.loop);
    case SinkType::kKinesis:
      return KinesisSink::Create(config.name, config.kinesis, parts.identity, parts.loop, std::random_device()());
    case SinkType::kMqtt:
      return std::make_unique<MqttSink>(config.name, lane_class, config.mqtt, parts.identity, parts.gate, parts.control, parts.loop);
  }
  return Fail(ErrorCode::kInvalid, "unknown type of sink");
}

}  // namespace sluice
