// The address of the control socket.
//
// Pure.
#pragma once

#include <sys/un.h>

#include <string>

#include "gateway/result.h"

namespace sluice {

/// kInvalid: the path is longer than the system allows.
Result<sockaddr_un> ControlAddress(const std::string& path);

}  // namespace sluice
