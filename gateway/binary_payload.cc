#include "gateway/binary_payload.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "gateway/cbor_item.h"
#include "gateway/message_pack_item.h"

namespace sluice {
namespace {

using Kind = BinaryItem::Kind;

template <typename Number>
void SetNumber(Number number, FieldValue& value) {
  char text[32];
  const auto end = std::to_chars(std::begin(text), std::end(text), number).ptr;
  value.kind = FieldValue::Kind::kNumber;
  value.number = static_cast<double>(number);
  value.text.assign(text, end);
}

void SetNegative(std::uint64_t count, FieldValue& value) {
  if (count <= INT64_MAX) return SetNumber(-1 - static_cast<std::int64_t>(count), value);
  value.kind = FieldValue::Kind::kNumber;
  value.number = -1 - static_cast<double>(count);
  value.text = count == UINT64_MAX ? "-18446744073709551616" : "-" + std::to_string(count + 1);
}

void SetValue(const BinaryItem& item, FieldValue& value) {
  switch (item.kind) {
    case Kind::kNull:
      value.text = "null";
      return;
    case Kind::kBool:
      SetNumber(item.count, value);
      value.text = item.count == 1 ? "true" : "false";
      return;
    case Kind::kUnsigned:
      return SetNumber(item.count, value);
    case Kind::kNegative:
      return SetNegative(item.count, value);
    case Kind::kFloat:
      // The text is the shortest that means it: 21.3, not 21.299999237060547.
      if (std::isfinite(item.number)) SetNumber(static_cast<float>(item.number), value);
      return;
    case Kind::kDouble:
      if (std::isfinite(item.number)) SetNumber(item.number, value);
      return;
    case Kind::kText:
      value.kind = FieldValue::Kind::kText;
      value.text = item.text;
      return;
    default:
      return;
  }
}

}  // namespace

bool BinaryPayload::Decode(std::string_view payload, PayloadFormat format) {
  fields_.clear();
  open_.clear();
  joined_.clear();
  const bool is_decoded = DecodeAll(payload, format);
  if (!is_decoded) fields_.clear();
  return is_decoded;
}

bool BinaryPayload::DecodeAll(std::string_view payload, PayloadFormat format) {
  ByteCursor bytes(payload);
  do {
    const BinaryItem item = format == PayloadFormat::kCbor ? NextCborItem(bytes, joined_) : NextMessagePackItem(bytes);
    if (!Take(item, bytes.left())) return false;
  } while (!open_.empty());
  return bytes.left() == 0;
}

bool BinaryPayload::Take(const BinaryItem& item, std::size_t bytes_left) {
  if (item.kind == Kind::kBad) return false;
  if (item.kind == Kind::kBreak) return Break();
  FieldNumber field = kHidden;
  if (!Place(item, field)) return false;
  const bool is_container = item.kind == Kind::kMap || item.kind == Kind::kArray;
  if (is_container && !Open(item, field, bytes_left)) return false;
  CloseFull();
  return true;
}

// `field`: that `item` is, if it is one.
bool BinaryPayload::Place(const BinaryItem& item, FieldNumber& field) {
  if (open_.empty()) {
    if (item.kind == Kind::kMap) field = kRoot;
    if (item.kind != Kind::kMap && item.kind != Kind::kNull) fields_.push_back({kRoot, "value", item});
    return true;
  }
  Container& in = open_.back();
  if (!in.is_endless) --in.left;
  return !in.is_map || PlaceInMap(item, field);
}

bool BinaryPayload::PlaceInMap(const BinaryItem& item, FieldNumber& field) {
  Container& map = open_.back();
  const bool is_key = map.is_key_next;
  map.is_key_next = !is_key;
  if (is_key) {
    map.key = item.kind == Kind::kText ? std::optional(item.text) : std::nullopt;
    return true;
  }
  if (map.field == kHidden || !map.key) return true;
  if (fields_.size() == kMaxFields) return false;
  field = static_cast<FieldNumber>(fields_.size());
  fields_.push_back({map.field, *map.key, item});
  return true;
}

bool BinaryPayload::Open(const BinaryItem& item, FieldNumber field, std::size_t bytes_left) {
  const bool is_map = item.kind == Kind::kMap;
  const std::uint64_t items_each = is_map ? 2 : 1;
  // Each has a byte at least; so the product cannot overflow either.
  if (!item.is_endless && item.count > bytes_left / items_each) return false;
  if (open_.size() == kMaxDepth) return false;
  open_.push_back({is_map ? field : kHidden, is_map, item.is_endless, item.count * items_each});
  return true;
}

bool BinaryPayload::Break() {
  if (open_.empty() || !open_.back().is_endless) return false;
  if (open_.back().is_map && !open_.back().is_key_next) return false;
  open_.pop_back();
  CloseFull();
  return true;
}

void BinaryPayload::CloseFull() {
  while (!open_.empty() && !open_.back().is_endless && open_.back().left == 0) open_.pop_back();
}

// What stands in a map comes after it.
const BinaryPayload::Field* BinaryPayload::Find(FieldNumber owner, std::string_view name) const {
  const auto begin = fields_.begin() + (owner == kRoot ? 0 : owner + 1);
  const auto found = std::find_if(begin, fields_.end(), [&](const Field& field) { return field.owner == owner && field.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

void BinaryPayload::Read(const std::vector<std::string>& names, FieldValue& value) const {
  value.kind = FieldValue::Kind::kNone;
  value.text.clear();
  FieldNumber owner = kRoot;
  const Field* field = nullptr;
  for (const std::string& name : names) {
    field = Find(owner, name);
    if (field == nullptr) return;
    owner = static_cast<FieldNumber>(field - fields_.data());
  }
  if (field != nullptr) SetValue(field->item, value);
}

}  // namespace sluice
