// Base64 with padding, RFC 4648.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// Appends the encoded bytes to `out`, without a copy in between.
void AppendBase64(std::string_view bytes, std::string& out);

}  // namespace sluice
