#include "gateway/cloud_event.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace sluice {
namespace {

template <std::size_t N>
void WritePadded(std::array<char, N>& digits, std::uint64_t value) {
  for (std::size_t i = N; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
}

constexpr std::size_t kSecondsSize = 19;  // 2026-11-23T10:00:00

constexpr std::array<std::string_view, 14> kAttributes = {
    "specversion", "id",           "source",          "type",        "time",       "subject", "sequence", "prevseq", "expirytime",
    "dataschema",  "partitionkey", "datacontenttype", "redelivered", "timequality"};

// In the order of TimeQuality.
constexpr std::array<std::string_view, 3> kTimeQualities = {"", "corrected", "unsynchronized"};

}  // namespace

bool IsAttributeName(std::string_view name) {
  return std::find(kAttributes.begin(), kAttributes.end(), name) != kAttributes.end();
}

CloudEvent::CloudEvent(const Identity& identity)
    : id_prefix_(identity.gateway_id + ":" + identity.outbox_id + ":"), gateway_("/sluice/" + identity.gateway_id) {}

void CloudEvent::Set(const Row& row) {
  std::array<char, 20> number{};
  const auto end = std::to_chars(number.data(), number.data() + number.size(), row.seq);
  id_.assign(id_prefix_).append(number.data(), end.ptr);
  SetOrigin(row);
  subject_ = row.event.topic;
  WritePadded(sequence_, row.seq);
  has_prevseq_ = row.previous != 0;
  if (has_prevseq_) WritePadded(prevseq_, row.previous);

  time_.Set(row.event.received);
  time_quality_ = kTimeQualities[static_cast<std::size_t>(row.time_quality)];
  redelivered_ = row.event.duplicate;
  has_expiry_ = row.event.expiry.has_value();
  if (has_expiry_) expiry_.Set(row.event.received + *row.event.expiry);
}

void CloudEvent::SetOrigin(const Row& row) {
  source_.assign(gateway_);
  if (!IsOwnTopic(row.event.topic)) {
    source_.append("/").append(row.source);
    type_ = "io.sluice.mqtt.message";
    return;
  }
  const std::size_t level = row.event.topic.find('/') + 1;
  type_.assign("io.sluice.").append(row.event.topic, level, row.event.topic.find('/', level) - level);
}

void CloudEvent::Timestamp::Set(WallTime when) {
  const std::int64_t micros = std::max<std::int64_t>(0, std::chrono::floor<std::chrono::microseconds>(when).time_since_epoch().count());
  const std::int64_t second = micros / 1'000'000;
  if (second != second_) {
    const std::time_t seconds = second;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::strftime(text_.data(), text_.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    second_ = second;
  }
  std::array<char, 6> fraction{};
  WritePadded(fraction, static_cast<std::uint64_t>(micros - second * 1'000'000));
  text_[kSecondsSize] = '.';
  std::copy(fraction.begin(), fraction.end(), text_.begin() + kSecondsSize + 1);
  text_[kSecondsSize + 7] = 'Z';
}

std::string CloudEvent::FormatTime(WallTime when) {
  Timestamp timestamp;
  timestamp.Set(when);
  return std::string(timestamp.text());
}

}  // namespace sluice
