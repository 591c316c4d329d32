#include "gateway/sample_ring.h"

#include <algorithm>
#include <bit>

namespace sluice {
namespace {

constexpr std::size_t kSmallest = 4;
// So many are scanned as fast as the ends of a window, which cannot be spared.
constexpr std::size_t kLargestWithoutSummaries = 2 * SampleRing::kBlock;

}  // namespace

SampleRing::Piece SampleRing::PieceAt(std::uint64_t i) const {
  const std::size_t slot = Slot(i);
  const std::size_t to_edge = std::min(samples_.size() - slot, kBlock - slot % kBlock);
  const std::size_t count = std::min(to_edge, static_cast<std::size_t>(end_ - i));
  const bool whole = count == kBlock && !summaries_.empty();
  return {{samples_.data() + slot, count}, whole ? &summaries_[slot / kBlock] : nullptr};
}

void SampleRing::Add(const Sample& sample) {
  if (size() == samples_.size()) Resize(std::max(kSmallest, 2 * samples_.size()));
  samples_[Slot(end_++)] = sample;
  if (end_ % kBlock == 0 && !summaries_.empty()) Summarize(end_ - kBlock);
}

void SampleRing::ForgetBefore(std::uint64_t i) {
  begin_ = i;
  if (samples_.size() > kSmallest && size() <= samples_.size() / 4) Resize(std::max(kSmallest, std::bit_ceil(2 * size())));
}

void SampleRing::Resize(std::size_t capacity) {
  SampleRing other;
  other.samples_.resize(capacity);
  if (capacity > kLargestWithoutSummaries) other.summaries_.resize(capacity / kBlock);
  other.begin_ = other.end_ = begin_;
  while (other.end_ < end_) other.Add((*this)[other.end_]);
  *this = std::move(other);
}

void SampleRing::Summarize(std::uint64_t i) {
  const std::span<const Sample> block(&samples_[Slot(i)], kBlock);
  SummaryOf(i) = {SampleTotals::Of(block), LostIn(block), SampleMoments::Of(block)};
}

}  // namespace sluice
