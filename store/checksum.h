// The checksum of what is stored: CRC-32, as in zlib.
//
// Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

class Checksum {
 public:
  /// The bytes alone. REQUIRES: where they end is known without them.
  void AddFixed(std::string_view bytes);
  /// Their length (8 bytes, little-endian) and the bytes.
  void Add(std::string_view bytes);
  std::uint32_t value() const { return crc_; }

 private:
  std::uint32_t crc_ = 0;
};

}  // namespace sluice
