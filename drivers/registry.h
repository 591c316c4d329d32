// The table of drivers: which kind of sink in the configuration is made by which class.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

/// What a sink needs to know to name events: the parts of `<gateway id>:<outbox id>:<seq>`.
struct Identity {
  std::string gateway_id;
  std::string outbox_id;
};

std::unique_ptr<Sink> MakeSink(const SinkConfig& config, const Identity& identity, Loop& loop);

}  // namespace sluice
