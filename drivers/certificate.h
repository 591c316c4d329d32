// When a certificate ends.
#pragma once

#include <string>

#include "gateway/event.h"
#include "gateway/result.h"

namespace sluice {

/// Of the first certificate in a PEM file. kUnavailable: it cannot be read; kInvalid: it has none. Blocks on the disk; any thread.
Result<WallTime> CertificateExpiry(const std::string& pem_file);

}  // namespace sluice
