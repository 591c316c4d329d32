// A row of the outbox as the command line shows it.
//
// Pure.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/cloud_event.h"
#include "gateway/ports.h"

namespace sluice {

/// How it is named: id (lane/seq), event, sink, class.
nlohmann::ordered_json RowName(const LaneState& lane, Seq seq, const Identity& identity);

/// `json` with all that there is of the row: source, qos, retained, properties and, by `event_json`, its CloudEvent.
std::string WithEvent(nlohmann::ordered_json json, const Row& row, const std::function<std::string(const Row&)>& event_json);

}  // namespace sluice
