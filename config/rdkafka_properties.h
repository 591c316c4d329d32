// Which properties of librdkafka an operator cannot set, and why. After CONFIGURATION of librdkafka 2.0.2.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// Why the property cannot have that value here; empty if it can.
std::string WhyNotRdkafka(std::string_view property, std::string_view value);

}  // namespace sluice
