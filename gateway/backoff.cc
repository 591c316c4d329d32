#include "gateway/backoff.h"

#include <algorithm>

namespace sluice {

Backoff::Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max, std::uint64_t seed)
    : min_(min), max_(max), bound_(min), random_(seed) {}

std::chrono::milliseconds Backoff::Next() {
  std::uniform_int_distribution<std::int64_t> delay(1, std::max<std::int64_t>(1, bound_.count()));
  bound_ = std::min(max_, bound_ * 2);
  return std::chrono::milliseconds(delay(random_));
}

}  // namespace sluice
