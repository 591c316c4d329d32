// The table of drivers: which kind of sink in the configuration is made by which class.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "drivers/ack_gate.h"
#include "drivers/mqtt_control.h"
#include "gateway/cloud_event.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

/// What drivers are made with; all outlive the sinks.
struct SinkParts {
  const Identity& identity;
  Loop& loop;
  AckGate& gate;
  MqttControl& control;
};

/// The sink of one lane. kInvalid: the driver does not accept the configuration.
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, const std::string& lane_class, const SinkParts& parts);

}  // namespace sluice
