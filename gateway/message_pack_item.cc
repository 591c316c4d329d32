#include "gateway/message_pack_item.h"

namespace sluice {
namespace {

using Kind = BinaryItem::Kind;

// Sizes of numbers, and of lengths, follow each other: 1, 2, 4, 8.
std::size_t SizeFrom(std::uint64_t first, std::uint64_t format) {
  return std::size_t{1} << (format - first);
}

BinaryItem ReadHead(Kind kind, std::size_t size, ByteCursor& bytes) {
  BinaryItem item{.kind = kind};
  return bytes.Number(size, item.count) ? item : BinaryItem();
}

BinaryItem ReadSigned(std::size_t size, ByteCursor& bytes) {
  std::uint64_t bits = 0;
  if (!bytes.Number(size, bits)) return {};
  const std::size_t unused = 64 - 8 * size;
  const std::int64_t number = static_cast<std::int64_t>(bits << unused) >> unused;
  if (number < 0) return {.kind = Kind::kNegative, .count = ~static_cast<std::uint64_t>(number)};
  return {.kind = Kind::kUnsigned, .count = static_cast<std::uint64_t>(number)};
}

BinaryItem ReadBytes(Kind kind, std::uint64_t size, ByteCursor& bytes) {
  BinaryItem item{.kind = kind};
  return bytes.Bytes(size, item.text) ? item : BinaryItem();
}

// `besides`: bytes that its length does not count.
BinaryItem ReadLong(Kind kind, std::size_t size, std::uint64_t besides, ByteCursor& bytes) {
  std::uint64_t length = 0;
  return bytes.Number(size, length) ? ReadBytes(kind, length + besides, bytes) : BinaryItem();
}

BinaryItem ReadShort(std::uint64_t format, ByteCursor& bytes) {
  if (format < 0x80) return {.kind = Kind::kUnsigned, .count = format};
  if (format < 0x90) return {.kind = Kind::kMap, .count = format & 0x0f};
  if (format < 0xa0) return {.kind = Kind::kArray, .count = format & 0x0f};
  return ReadBytes(Kind::kText, format & 0x1f, bytes);
}

BinaryItem ReadMarked(std::uint64_t format, ByteCursor& bytes) {
  if (format == 0xc0) return {.kind = Kind::kNull};
  if (format == 0xc1) return {};
  if (format <= 0xc3) return {.kind = Kind::kBool, .count = format & 1};
  if (format <= 0xc6) return ReadLong(Kind::kOther, SizeFrom(0xc4, format), 0, bytes);
  if (format <= 0xc9) return ReadLong(Kind::kOther, SizeFrom(0xc7, format), 1, bytes);  // An extension has its type besides.
  if (format == 0xca) return ReadFloat(bytes);
  if (format == 0xcb) return ReadDouble(bytes);
  if (format <= 0xcf) return ReadHead(Kind::kUnsigned, SizeFrom(0xcc, format), bytes);
  if (format <= 0xd3) return ReadSigned(SizeFrom(0xd0, format), bytes);
  if (format <= 0xd8) return ReadBytes(Kind::kOther, SizeFrom(0xd4, format) + 1, bytes);
  if (format <= 0xdb) return ReadLong(Kind::kText, SizeFrom(0xd9, format), 0, bytes);
  if (format <= 0xdd) return ReadHead(Kind::kArray, SizeFrom(0xdb, format), bytes);
  return ReadHead(Kind::kMap, SizeFrom(0xdd, format), bytes);
}

}  // namespace

BinaryItem NextMessagePackItem(ByteCursor& bytes) {
  std::uint64_t format = 0;
  if (!bytes.Number(1, format)) return {};
  if (format < 0xc0) return ReadShort(format, bytes);
  if (format < 0xe0) return ReadMarked(format, bytes);
  return {.kind = Kind::kNegative, .count = 0xff - format};
}

}  // namespace sluice
