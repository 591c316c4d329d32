// What to tell of an MQTT connection that could not be made, by source and sink alike.
//
// Pure.
#pragma once

#include <string>

#include "gateway/result.h"

namespace sluice {

/// `error`: the library's, kInvalid if the broker said no. `ended_why`: what ended the connection meanwhile, or empty; it says more than
/// that the library saw it end.
inline std::string WhyNotConnected(const Error& error, const std::string& ended_why) {
  if (error.code == ErrorCode::kInvalid) return "the broker refused the connection: " + error.message;
  return ended_why.empty() ? "cannot connect: " + error.message : ended_why;
}

}  // namespace sluice
