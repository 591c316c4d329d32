// Samples, of which new ones come at the end and old ones go from the front, with summaries of whole blocks of them.
//
// Samples are numbered as they come, forever; sample i lies at i modulo the capacity, a power of two. A block is 64 samples from a multiple
// of 64 on, so it is in one piece.
//
// Invariants
//  1. Nothing is allocated before the first sample. The capacity doubles when it is full, and follows down to twice the samples when
//     there are a quarter of it or fewer; so adding and removing cost O(1) on average.
//  2. If the capacity is above 128, each block that is whole has its summary.
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gateway/sample_summary.h"

namespace sluice {

class SampleRing {
 public:
  static constexpr std::size_t kBlock = 64;

  /// Some samples in a row; their summary if they are a whole block.
  struct Piece {
    std::span<const Sample> samples;
    const SampleSummary* summary;
  };

  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  bool empty() const { return begin_ == end_; }
  /// REQUIRES: begin() <= i < end().
  const Sample& operator[](std::uint64_t i) const { return samples_[Slot(i)]; }
  /// The samples from `i` on that are in one piece; at most a block. REQUIRES: as above.
  Piece PieceAt(std::uint64_t i) const;

  void Add(const Sample& sample);
  /// Forgets the samples before `i`. REQUIRES: begin() <= i <= end().
  void ForgetBefore(std::uint64_t i);
  std::size_t HeapBytes() const { return samples_.capacity() * sizeof(Sample) + summaries_.capacity() * sizeof(SampleSummary); }

 private:
  std::size_t Slot(std::uint64_t i) const { return static_cast<std::size_t>(i) & (samples_.size() - 1); }
  void Resize(std::size_t capacity);
  /// Of the block that begins with sample `i`.
  SampleSummary& SummaryOf(std::uint64_t i) { return summaries_[Slot(i) / kBlock]; }
  void Summarize(std::uint64_t i);

  std::vector<Sample> samples_;
  std::vector<SampleSummary> summaries_;  // Of blocks, by place; empty if the capacity is small.
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace sluice
