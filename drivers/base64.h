// Base64, RFC 4648.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// Appends the encoded bytes to `out`, with padding, without a copy in between.
void AppendBase64(std::string_view bytes, std::string& out);
/// In the alphabet for URLs, without padding.
std::string Base64UrlOf(std::string_view bytes);

}  // namespace sluice
