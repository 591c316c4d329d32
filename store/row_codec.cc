#include "store/row_codec.h"

#include <optional>

#include "gateway/binary_number.h"
#include "store/checksum.h"

namespace sluice {
namespace {

constexpr char kVersion = 1;

// Tags of the fields; unknown ones are skipped, so that a newer minor version's rows can be read.
enum Tag : unsigned char {
  kSource = 1,
  kTopic = 2,
  kReceived = 3,  // Nanoseconds, varint.
  kPrevious = 4,  // seq - previous, varint; absent: no previous row.
  kFlags = 5,     // Varint, see Flag.
  kContentType = 6,
  kExpiry = 7,  // Seconds, varint.
  kPropertyName = 8,
  kPropertyValue = 9,  // Of the name before it.
  kDeadline = 10,      // Running time, milliseconds, varint.
  kBoot = 11,          // Varint. With kSinceBoot: the wall clock was not known to be right.
  kSinceBoot = 12,     // Milliseconds, varint.
};

enum Flag : std::uint64_t {
  kQos = 3,  // Two bits.
  kRetained = 4,
  kDuplicate = 8,
  kRetain = 16,
  kBare = 32,
};

void AppendBytes(std::string& out, Tag tag, std::string_view bytes) {
  out += static_cast<char>(tag);
  AppendVarint(out, bytes.size());
  out += bytes;
}

// A number is a field of bytes too, so that an unknown one can be skipped.
void AppendNumber(std::string& out, Tag tag, std::uint64_t value) {
  out += static_cast<char>(tag);
  std::size_t size = 1;
  for (std::uint64_t rest = value; rest >= 0x80; rest >>= 7) ++size;
  AppendVarint(out, size);
  AppendVarint(out, value);
}

std::uint64_t Number(std::string_view bytes) {
  return TakeVarint(bytes).value_or(0);
}

std::uint64_t FlagsOf(const Row& row) {
  std::uint64_t flags = row.event.qos & kQos;
  if (row.event.retained) flags |= kRetained;
  if (row.event.duplicate) flags |= kDuplicate;
  if (row.retain) flags |= kRetain;
  if (row.bare) flags |= kBare;
  return flags;
}

void SetField(Tag tag, std::string_view bytes, Row& row) {
  Event& event = row.event;
  switch (tag) {
    case kSource:
      row.source = bytes;
      break;
    case kTopic:
      event.topic = bytes;
      break;
    case kReceived:
      event.received = WallTime(std::chrono::nanoseconds(Number(bytes)));
      break;
    case kPrevious:
      row.previous = row.seq - Number(bytes);
      break;
    case kFlags: {
      const std::uint64_t flags = Number(bytes);
      event.qos = flags & kQos;
      event.retained = (flags & kRetained) != 0;
      event.duplicate = (flags & kDuplicate) != 0;
      row.retain = (flags & kRetain) != 0;
      row.bare = (flags & kBare) != 0;
      break;
    }
    case kContentType:
      event.content_type = bytes;
      break;
    case kExpiry:
      event.expiry = std::chrono::seconds(Number(bytes));
      break;
    case kPropertyName:
      event.properties.push_back({std::string(bytes), ""});
      break;
    case kDeadline:
      row.deadline = RunningTime(Number(bytes));
      break;
    case kBoot:
      row.unsynchronized.emplace().boot = Number(bytes);
      break;
    case kSinceBoot:
      if (row.unsynchronized) row.unsynchronized->since_boot = std::chrono::milliseconds(Number(bytes));
      break;
    case kPropertyValue:
      if (!event.properties.empty()) event.properties.back().value = bytes;
      break;
  }
}

}  // namespace

void EncodeMetadata(const Row& row, std::string& out) {
  const Event& event = row.event;
  out += kVersion;
  AppendBytes(out, kSource, row.source);
  AppendBytes(out, kTopic, event.topic);
  AppendNumber(out, kReceived, static_cast<std::uint64_t>(event.received.time_since_epoch().count()));
  if (row.previous != 0) AppendNumber(out, kPrevious, row.seq - row.previous);
  AppendNumber(out, kFlags, FlagsOf(row));
  if (!event.content_type.empty()) AppendBytes(out, kContentType, event.content_type);
  if (event.expiry) AppendNumber(out, kExpiry, static_cast<std::uint64_t>(event.expiry->count()));
  if (row.deadline) AppendNumber(out, kDeadline, static_cast<std::uint64_t>(row.deadline->count()));
  if (row.unsynchronized) {
    AppendNumber(out, kBoot, row.unsynchronized->boot);
    AppendNumber(out, kSinceBoot, static_cast<std::uint64_t>(row.unsynchronized->since_boot / std::chrono::milliseconds(1)));
  }
  for (const Property& property : event.properties) {
    AppendBytes(out, kPropertyName, property.name);
    AppendBytes(out, kPropertyValue, property.value);
  }
}

bool DecodeMetadata(std::string_view blob, Row& row) {
  if (blob.empty() || blob.front() != kVersion) return false;
  blob.remove_prefix(1);
  while (!blob.empty()) {
    const auto tag = static_cast<Tag>(blob.front());
    blob.remove_prefix(1);
    const std::optional<std::uint64_t> size = TakeVarint(blob);
    if (!size || *size > blob.size()) return false;
    SetField(tag, blob.substr(0, *size), row);
    blob.remove_prefix(*size);
  }
  return true;
}

std::uint32_t RowChecksum(Seq seq, std::string_view destination, const std::string* key, std::string_view metadata,
                          std::string_view payload) {
  char head[9];
  for (int i = 0; i < 8; ++i) head[i] = static_cast<char>(seq >> (8 * i));
  head[8] = key != nullptr ? 1 : 0;
  Checksum checksum;
  checksum.AddFixed({head, sizeof head});
  checksum.Add(destination);
  if (key != nullptr) checksum.Add(*key);
  checksum.Add(metadata);
  checksum.Add(payload);
  return checksum.value();
}

}  // namespace sluice
