// The files of TLS, for client libraries that tell an error of their own and no name when one of them cannot be read.
//
// Any thread; asks the disk.
#pragma once

#include <string>

#include "config/config.h"

namespace sluice {

/// Which of them cannot be read, and why; empty: they can, all of them.
std::string WhyUnreadable(const TlsConfig& tls);

}  // namespace sluice
