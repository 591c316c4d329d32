// `sluice explain TOPIC [PAYLOAD-FILE]`: what would happen to an event, in words.
//
// Pure.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

/// Lines for a human: who subscribes to `topic`, which routes take it, and what each sink would get, or why it would be a dead letter.
/// Without a payload, for what depends on one, which of its fields are looked at. How many destinations there are already is not known
/// here. kInvalid: it is no topic of an event.
Result<std::string> Explain(const Config& config, const std::string& topic, const std::optional<std::string>& payload);

}  // namespace sluice
