#include "gateway/bisection.h"

#include <algorithm>
#include <utility>

namespace sluice {

bool Bisection::Allows(Seq seq, std::size_t in_flight) const {
  if (!InGroup(seq) || in_flight == 0) return true;
  return group_ > 0 && group_ < window_;
}

void Bisection::OnSent(Seq seq, std::size_t in_flight) {
  if (!InGroup(seq)) return;
  group_ = in_flight == 0 ? 1 : group_ + 1;
}

void Bisection::OnRejected(Seq seq) {
  rejected_from_ = rejected_ == 0 ? seq : std::min(rejected_from_, seq);
  ++rejected_;
}

void Bisection::OnSetAside() {
  window_ = resume_;
  suspects_ = 0;
}

void Bisection::OnTaken() {
  const std::size_t taken = std::exchange(group_, 0);
  if (taken == 0) return;
  suspects_ -= std::min(suspects_, taken);
  window_ = suspects_ > 0 ? std::max<std::size_t>(1, suspects_ / 2) : std::min(max_rows_, window_ * 2);
}

void Bisection::Rewind() {
  group_ = 0;
  if (rejected_ == 0) return;
  suspects_ = std::exchange(rejected_, 0);
  from_ = rejected_from_;
  resume_ = suspects_ == 1 ? window_ : 1;
  window_ = std::max<std::size_t>(1, suspects_ / 2);
}

}  // namespace sluice
