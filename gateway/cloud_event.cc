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

}  // namespace

CloudEvent::CloudEvent(const Identity& identity)
    : id_prefix_(identity.gateway_id + ":" + identity.outbox_id + ":"), source_prefix_("/sluice/" + identity.gateway_id + "/") {}

void CloudEvent::Set(const Row& row) {
  std::array<char, 20> number{};
  const auto end = std::to_chars(number.data(), number.data() + number.size(), row.seq);
  id_.assign(id_prefix_).append(number.data(), end.ptr);
  source_.assign(source_prefix_).append(row.source);
  WritePadded(sequence_, row.seq);
  has_prevseq_ = row.previous != 0;
  if (has_prevseq_) WritePadded(prevseq_, row.previous);

  const std::int64_t micros = std::chrono::floor<std::chrono::microseconds>(row.event.received).time_since_epoch().count();
  const std::int64_t second = micros >= 0 ? micros / 1'000'000 : 0;
  if (second != second_) {
    const std::time_t when = second;
    std::tm utc{};
    gmtime_r(&when, &utc);
    std::strftime(time_.data(), time_.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    second_ = second;
  }
  std::array<char, 6> fraction{};
  WritePadded(fraction, static_cast<std::uint64_t>(micros - second * 1'000'000));
  time_[kSecondsSize] = '.';
  std::copy(fraction.begin(), fraction.end(), time_.begin() + kSecondsSize + 1);
  time_[kSecondsSize + 7] = 'Z';
  time_size_ = kSecondsSize + 8;
}

}  // namespace sluice
