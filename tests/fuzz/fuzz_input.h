// What a fuzzer is given, taken apart: bytes, texts that end with a NUL, times. Behind the end there are zeros and empty texts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace sluice {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool IsEmpty() const { return rest_.empty(); }
  std::uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  bool Bit() { return (Byte() & 1) != 0; }
  /// The next `size` bytes, or what is left of them.
  std::string_view Bytes(std::size_t size) {
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  /// Up to a NUL, which is taken too.
  std::string Text() {
    const std::string_view text = Bytes(std::min(rest_.find('\0'), rest_.size()));
    Bytes(1);
    return std::string(text);
  }
  std::string_view Rest() { return Bytes(rest_.size()); }
  /// One of `all`.
  template <typename T, std::size_t kSize>
  const T& OneOf(const T (&all)[kSize]) {
    return all[Byte() % kSize];
  }
  /// One of `all`, or a text of its own.
  template <std::size_t kSize>
  std::string TextOf(const char* const (&all)[kSize]) {
    const std::uint8_t choice = Byte();
    return choice < kSize ? all[choice] : Text();
  }

 private:
  std::string_view rest_;
};

/// A promise that must hold whatever comes in.
inline void Demand(bool holds, const char* promise, const std::string& details = "") {
  if (holds) return;
  std::fprintf(stderr, "BROKEN: %s\n%s\n", promise, details.c_str());
  std::abort();
}

}  // namespace sluice
