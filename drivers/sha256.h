// SHA-256, plain and as a MAC. OpenSSL's.
//
// Pure.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace sluice {

using Digest = std::array<unsigned char, 32>;

Digest Sha256(std::string_view text);
Digest HmacSha256(std::string_view key, std::string_view text);

/// The digest as a string of its bytes, to be a key or text in its turn.
std::string_view BytesOf(const Digest& digest);
/// In lower case.
std::string HexOf(const Digest& digest);

}  // namespace sluice
