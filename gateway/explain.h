// `sluice explain TOPIC`: what would happen to an event, in words.
//
// Pure.
#pragma once

#include <string>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

/// Lines for a human: who subscribes to `topic`, which routes take it, and where to, under which destination and key. kInvalid: it is no
/// topic of an event.
Result<std::string> Explain(const Config& config, const std::string& topic);

}  // namespace sluice
