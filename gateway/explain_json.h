// An explanation (gateway/explain.h) as JSON.
//
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gateway/explain.h"

namespace sluice {

nlohmann::ordered_json ExplanationJson(const Explanation& explanation);

}  // namespace sluice
