// Reads bytes from their beginning, and never beyond their end.
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

class ByteCursor {
 public:
  explicit ByteCursor(std::string_view bytes) : rest_(bytes) {}

  std::size_t left() const { return rest_.size(); }
  /// The next `size` bytes, 8 at most, the first of them the highest. False: there are fewer.
  bool Number(std::size_t size, std::uint64_t& number) {
    std::string_view bytes;
    if (!Bytes(size, bytes)) return false;
    number = 0;
    for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
    return true;
  }
  /// The next `size` bytes as they are. False: there are fewer.
  bool Bytes(std::uint64_t size, std::string_view& bytes) {
    if (size > rest_.size()) return false;
    bytes = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(bytes.size());
    return true;
  }

 private:
  std::string_view rest_;
};

}  // namespace sluice
