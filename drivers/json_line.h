// An event as one line of JSON: CloudEvents 1.0, structured mode. Source: CloudEvents JSON event format 1.0.2.
//
// Pure.
#pragma once

#include <string>

#include "gateway/cloud_event.h"

namespace sluice {

/// Appends the line, with its newline. `event` has been Set to `row`.
void AppendJsonLine(const CloudEvent& event, const Row& row, std::string& out);

}  // namespace sluice
