// Strings of JSON, and the UTF-8 that they are made of. Sources: RFC 8259; Unicode 15, table 3-7.
//
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

/// Length of the valid UTF-8 sequence at the front of `text`, or 0.
std::size_t Utf8SequenceLength(std::string_view text);
bool IsUtf8(std::string_view text);

/// Appends `text` as a JSON string, quotes included. What is not UTF-8 becomes U+FFFD: MQTT demands UTF-8 of topics, but not every broker
/// checks.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace sluice
