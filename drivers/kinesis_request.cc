#include "drivers/kinesis_request.h"

#include <utility>

#include "drivers/base64.h"
#include "drivers/json_string.h"
#include "drivers/sha256.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxPartitionKey = 256;
constexpr std::size_t kRecordOverhead = 64;

// Counted as Java counts: what lies beyond the basic plane is two. 0 if it is not UTF-8.
std::size_t LengthOf(std::string_view text) {
  std::size_t length = 0;
  while (!text.empty()) {
    const std::size_t bytes = Utf8SequenceLength(text);
    if (bytes == 0) return 0;
    length += bytes == 4 ? 2 : 1;
    text.remove_prefix(bytes);
  }
  return length;
}

}  // namespace

std::string PartitionKeyOf(const std::string& key) {
  const std::size_t length = LengthOf(key);
  return length == 0 || length > kMaxPartitionKey ? HexOf(Sha256(key)) : key;
}

PutRecordsBody::PutRecordsBody(std::size_t data_bytes) {
  text_.reserve(data_bytes / 3 * 4 + kMaxCallRecords * kRecordOverhead);
  text_ = R"({"Records":[)";
}

void PutRecordsBody::Add(std::string_view data, std::string_view partition_key) {
  text_ += text_.back() == '[' ? R"({"Data":")" : R"(,{"Data":")";
  AppendBase64(data, text_);
  text_ += R"(","PartitionKey":)";
  AppendJsonString(partition_key, text_);
  text_ += '}';
}

std::string PutRecordsBody::Finish(std::string_view stream) {
  text_ += R"(],"StreamName":)";
  AppendJsonString(stream, text_);
  text_ += '}';
  return std::move(text_);
}

}  // namespace sluice
