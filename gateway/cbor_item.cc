#include "gateway/cbor_item.h"

#include <cmath>
#include <limits>

namespace sluice {
namespace {

using Kind = BinaryItem::Kind;

enum Major : std::uint64_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };

struct Head {
  std::uint64_t major = 0;
  std::uint64_t info = 0;
  std::uint64_t argument = 0;
  bool IsEndless() const { return info == 31; }
  bool IsBreak() const { return major == kSimple && IsEndless(); }
};

bool ReadHead(ByteCursor& bytes, Head& head) {
  std::uint64_t first = 0;
  if (!bytes.Number(1, first)) return false;
  head = {first >> 5, first & 31, first & 31};
  if (head.info < 24) return true;
  if (head.info < 28) return bytes.Number(std::size_t{1} << (head.info - 24), head.argument);
  return head.IsEndless() && head.major >= kBytes && head.major != kTag;
}

// The parts of a string are of its kind, and whole: none has parts again.
BinaryItem ReadParts(std::uint64_t major, ByteCursor& bytes, std::deque<std::string>& joined) {
  std::string& text = joined.emplace_back();
  Head part;
  std::string_view piece;
  while (ReadHead(bytes, part)) {
    if (part.IsBreak()) return {.kind = major == kText ? Kind::kText : Kind::kOther, .text = text};
    if (part.major != major || part.IsEndless() || !bytes.Bytes(part.argument, piece)) return {};
    if (major == kText) text += piece;
  }
  return {};
}

BinaryItem ReadString(const Head& head, ByteCursor& bytes, std::deque<std::string>& joined) {
  if (head.IsEndless()) return ReadParts(head.major, bytes, joined);
  std::string_view text;
  if (!bytes.Bytes(head.argument, text)) return {};
  return {.kind = head.major == kText ? Kind::kText : Kind::kOther, .text = text};
}

double HalfPrecision(std::uint64_t bits) {
  const auto fraction = static_cast<double>(bits & 0x3ff);
  const auto exponent = static_cast<int>(bits >> 10 & 0x1f);
  double number = 0;
  if (exponent == 0) {
    number = std::ldexp(fraction, -24);
  } else if (exponent < 31) {
    number = std::ldexp(fraction + 1024, exponent - 25);
  } else {
    number = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  }
  return (bits & 0x8000) != 0 ? -number : number;
}

// The argument of a floating-point number is its bits.
BinaryItem ReadSimple(const Head& head) {
  switch (head.info) {
    case 20:
    case 21:
      return {.kind = Kind::kBool, .count = head.info - 20};
    case 22:
    case 23:
      return {.kind = Kind::kNull};
    case 24:
      return {.kind = head.argument < 32 ? Kind::kBad : Kind::kOther};
    case 25:
      return {.kind = Kind::kFloat, .number = HalfPrecision(head.argument)};
    case 26:
      return {.kind = Kind::kFloat, .number = std::bit_cast<float>(static_cast<std::uint32_t>(head.argument))};
    case 27:
      return {.kind = Kind::kDouble, .number = std::bit_cast<double>(head.argument)};
    case 31:
      return {.kind = Kind::kBreak};
    default:
      return {.kind = Kind::kOther};
  }
}

}  // namespace

BinaryItem NextCborItem(ByteCursor& bytes, std::deque<std::string>& joined) {
  Head head;
  if (!ReadHead(bytes, head)) return {};
  const bool is_tagged = head.major == kTag;
  while (head.major == kTag) {
    if (!ReadHead(bytes, head)) return {};
  }
  switch (head.major) {
    case kUnsigned:
      return {.kind = Kind::kUnsigned, .count = head.argument};
    case kNegative:
      return {.kind = Kind::kNegative, .count = head.argument};
    case kBytes:
    case kText:
      return ReadString(head, bytes, joined);
    case kArray:
    case kMap:
      return {.kind = head.major == kMap ? Kind::kMap : Kind::kArray, .is_endless = head.IsEndless(), .count = head.argument};
    default:
      return is_tagged && head.IsBreak() ? BinaryItem() : ReadSimple(head);
  }
}

}  // namespace sluice
