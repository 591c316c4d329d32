// The table of drivers: which kind of sink in the configuration is made by which class.
#pragma once

#include <memory>

#include "config/config.h"
#include "gateway/cloud_event.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

/// kInvalid: the driver does not accept the configuration. `loop` outlives the sink.
Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, const Identity& identity, Loop& loop);

}  // namespace sluice
