// One entry of `sinks`.
#pragma once

#include <string>

#include "config/config.h"
#include "config/json_text.h"
#include "config/reader.h"

namespace sluice {

SinkConfig BuildSink(const JsonMember& member, const std::string& pointer, const GatewayConfig& gateway, Findings& findings);

}  // namespace sluice
