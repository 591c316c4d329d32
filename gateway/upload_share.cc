#include "gateway/upload_share.h"

#include <algorithm>
#include <cmath>

namespace sluice {
namespace {

constexpr double kBurstSeconds = 0.25;
// The others may leave their parts earlier than a delay was reckoned with.
constexpr double kMaxDelaySeconds = 0.25;

}  // namespace

std::size_t UploadShare::Add(double weight) {
  lanes_.push_back({weight});
  all_weights_ += weight;
  return lanes_.size() - 1;
}

void UploadShare::SetWaiting(std::size_t lane, bool waiting, MonotonicTime now) {
  if (lanes_[lane].waiting == waiting) return;
  Accrue(now);
  lanes_[lane].waiting = waiting;
}

double UploadShare::PartOf(const Lane& lane) const {
  double weights = lane.waiting ? 0 : lane.weight;
  for (const Lane& other : lanes_) weights += other.waiting ? other.weight : 0;
  return lane.weight / weights;
}

UploadShare::Window UploadShare::WindowOf(std::size_t lane) const {
  const double part = PartOf(lanes_[lane]);
  return {static_cast<std::size_t>(part * static_cast<double>(window_.events)),
          static_cast<std::size_t>(part * static_cast<double>(window_.bytes))};
}

// A lane that waits is given its part of the limit among those that wait; one that does not fills up to the burst that it would have among
// all.
void UploadShare::Accrue(MonotonicTime now) {
  const double seconds = std::chrono::duration<double>(now - accrued_).count();
  accrued_ = now;
  Fill(bucket_, 1, seconds);
  for (Lane& lane : lanes_) Fill(lane.bucket, lane.waiting ? PartOf(lane) : lane.weight / all_weights_, seconds);
}

void UploadShare::Fill(Bucket& bucket, double part, double seconds) const {
  const auto add = [&](double& tokens, double rate) { tokens = std::min(tokens + seconds * rate, std::max(1.0, kBurstSeconds * rate)); };
  add(bucket.events, part * limit_.events_per_s);
  add(bucket.bytes, part * static_cast<double>(limit_.bytes_per_s));
}

double UploadShare::DebtSeconds(const Bucket& bucket, double part) const {
  const auto debt = [](double tokens, double rate) { return rate <= 0 || tokens > 0 ? 0 : (1 - tokens) / rate; };
  return std::max(debt(bucket.events, part * limit_.events_per_s), debt(bucket.bytes, part * static_cast<double>(limit_.bytes_per_s)));
}

std::chrono::milliseconds UploadShare::DelayOf(std::size_t lane, MonotonicTime now) {
  if (!HasLimit()) return {};
  Accrue(now);
  const double seconds = std::max(DebtSeconds(bucket_, 1), DebtSeconds(lanes_[lane].bucket, PartOf(lanes_[lane])));
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(1000 * std::min(seconds, kMaxDelaySeconds))));
}

void UploadShare::Spend(std::size_t lane, std::size_t bytes) {
  if (!HasLimit()) return;
  for (Bucket* bucket : {&bucket_, &lanes_[lane].bucket}) {
    bucket->events -= 1;
    bucket->bytes -= static_cast<double>(bytes);
  }
}

}  // namespace sluice
