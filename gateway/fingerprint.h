// FNV-1a over texts, as Prometheus and Alertmanager make the fingerprint of a set of labels: each text followed by a byte 0xff.
// Source: https://github.com/prometheus/common, model/signature.go, model/fnv.go.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

class Fingerprint {
 public:
  void Add(std::string_view text) {
    for (const char c : text) AddByte(static_cast<unsigned char>(c));
    AddByte(0xff);
  }
  std::uint64_t value() const { return value_; }
  /// 16 hexadecimal digits.
  std::string Text() const;

 private:
  void AddByte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3; }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace sluice
