// The fields of a CBOR or MessagePack payload: the values in its maps, under the names that are texts.
//
// Values in arrays, and those with other names, are passed over. A payload that is a scalar, and no map, is the field `value`. Anyone can
// send a payload: nothing here calls itself, and the memory is bounded by kMaxFields and the payload's length.
//
// Pure. Thread: one at a time; the buffers are reused from payload to payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/binary_item.h"
#include "gateway/field_value.h"

namespace sluice {

class BinaryPayload {
 public:
  static constexpr std::size_t kMaxDepth = 64;
  static constexpr std::size_t kMaxFields = 4'096;

  /// `payload` stays until the next Decode. False: it is not of `format`, or beyond the limits, and has no fields.
  bool Decode(std::string_view payload, PayloadFormat format);
  /// The field at the end of the way through the maps; of equal names the first counts. As of JSON: kNone with the text "null" is a null.
  void Read(const std::vector<std::string>& names, FieldValue& value) const;

 private:
  using FieldNumber = std::uint32_t;
  static constexpr FieldNumber kRoot = UINT32_MAX;
  static constexpr FieldNumber kHidden = UINT32_MAX - 1;

  struct Field {
    FieldNumber owner;  // The map it stands in.
    std::string_view name;
    BinaryItem item;
  };
  /// A map or array whose items are being read.
  struct Container {
    FieldNumber field;  // Whose values are fields of it; kHidden if they are none.
    bool is_map;
    bool is_endless;
    std::uint64_t left;  // If not endless.
    bool is_key_next = true;
    std::optional<std::string_view> key = {};  // The last key, if it was a text.
  };
  bool DecodeAll(std::string_view payload, PayloadFormat format);
  bool Take(const BinaryItem& item, std::size_t bytes_left);
  bool Place(const BinaryItem& item, FieldNumber& field);
  bool PlaceInMap(const BinaryItem& item, FieldNumber& field);
  bool Open(const BinaryItem& item, FieldNumber field, std::size_t bytes_left);
  bool Break();
  void CloseFull();
  const Field* Find(FieldNumber owner, std::string_view name) const;

  std::vector<Field> fields_;
  std::vector<Container> open_;
  std::deque<std::string> joined_;  // Texts that came in parts.
};

}  // namespace sluice
