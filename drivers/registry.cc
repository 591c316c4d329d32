#include "drivers/registry.h"

#include <random>

#include "drivers/file_sink.h"
#include "drivers/kafka_sink.h"
#include "drivers/kinesis_sink.h"

namespace sluice {

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, const Identity& identity, Loop& loop) {
  switch (config.type) {
    case SinkType::kKafka:
      return KafkaSink::Create(config.name, config.kafka, identity, loop);
    case SinkType::kFile:
      return std::make_unique<FileSink>(config.file, identity, loop);
    case SinkType::kKinesis:
      return KinesisSink::Create(config.name, config.kinesis, identity, loop, std::random_device()());
  }
  return Fail(ErrorCode::kInvalid, "unknown type of sink");
}

}  // namespace sluice
