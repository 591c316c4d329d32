// What CBOR and MessagePack are rows of: a scalar, or the head of an array or a map, whose items follow.
//
// Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "gateway/byte_cursor.h"

namespace sluice {

struct BinaryItem {
  enum class Kind : std::uint8_t {
    kBad,  ///< The payload ends before, or is not of this format.
    kNull,
    kBool,      ///< `count`: 1 for true.
    kUnsigned,  ///< `count`
    kNegative,  ///< -1 - `count`
    kFloat,     ///< `number`, which was single precision or less.
    kDouble,    ///< `number`
    kText,      ///< `text`, which need not be UTF-8.
    kOther,     ///< What we have no use for: bytes, extensions.
    kArray,     ///< `count` items follow.
    kMap,       ///< `count` keys and values follow.
    kBreak,     ///< The end of an endless array or map.
  };
  Kind kind = Kind::kBad;
  bool is_endless = false;  ///< kArray, kMap: until kBreak, instead of `count`.
  std::uint64_t count = 0;
  double number = 0;
  std::string_view text = {};
};

inline BinaryItem ReadFloat(ByteCursor& bytes) {
  std::uint64_t bits = 0;
  if (!bytes.Number(sizeof(float), bits)) return {};
  return {.kind = BinaryItem::Kind::kFloat, .number = std::bit_cast<float>(static_cast<std::uint32_t>(bits))};
}

inline BinaryItem ReadDouble(ByteCursor& bytes) {
  std::uint64_t bits = 0;
  if (!bytes.Number(sizeof(double), bits)) return {};
  return {.kind = BinaryItem::Kind::kDouble, .number = std::bit_cast<double>(bits)};
}

}  // namespace sluice
