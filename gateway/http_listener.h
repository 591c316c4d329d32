// The socket on which HTTP is served.
#pragma once

#include "gateway/http_address.h"
#include "gateway/result.h"

namespace sluice {

/// A socket that listens there, not blocking; the caller's, as is the file of a Unix socket. kLocked, kUnavailable: it cannot be had.
Result<int> ListenForHttp(const HttpAddress& address);

}  // namespace sluice
