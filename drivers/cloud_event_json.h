// An event as one JSON object on one line: CloudEvents 1.0, structured mode. Source: CloudEvents JSON event format 1.0.2.
//
// The payload: text that is valid UTF-8 is `data`, a JSON string; anything else is `data_base64`. Nothing is parsed, so every byte can be
// had back.
//
// Pure.
#pragma once

#include <functional>
#include <string>

#include "gateway/cloud_event.h"

namespace sluice {

/// Appends the object, without a newline. `event` has been Set to `row`.
void AppendCloudEventJson(const CloudEvent& event, const Row& row, std::string& out);

/// The same for one row after the other.
std::function<std::string(const Row&)> CloudEventJsonOf(const Identity& identity);

}  // namespace sluice
