// How much of a lane may be in flight after a sink has rejected rows: few enough to find out which of them it means, then more and more.
//
// Rejected rows are suspects: at least one of them is bad. Half of them are sent as a group, with nothing else in flight. If they are
// taken, the suspicion rests on the others; if they are rejected, on them. So each group halves the suspects, until one is sent alone. What
// is in front of the suspects is sent as ever.
//
// When the bad row is out of the way, groups grow by doubling, so that a lane full of bad rows is not sent over and over; unless a single
// row was rejected: then the sink tells them apart, and what follows is sent as before.
//
// Invariants
//  1. A row is alone only if nothing else was in flight from when it was sent until its verdict.
//  2. n suspects of which one is bad cost at most log2(n) + 1 groups and 2n rows.
//
// Pure.
#pragma once

#include <cstddef>

#include "gateway/event.h"

namespace sluice {

class Bisection {
 public:
  /// `max_rows`: a group of so many is none any more.
  explicit Bisection(std::size_t max_rows) : max_rows_(max_rows), window_(max_rows) {}

  /// May the next row be sent, with so many in flight?
  bool Allows(Seq seq, std::size_t in_flight) const;
  /// It was; `in_flight`: others.
  void OnSent(Seq seq, std::size_t in_flight);
  bool IsAlone(Seq seq) const { return group_ == 1 && seq >= from_; }
  /// A row that was not alone was rejected.
  void OnRejected(Seq seq);
  /// A row that was alone is out of the way.
  void OnSetAside();
  /// All that was sent has been taken.
  void OnTaken();
  /// What is in flight is in flight no more.
  void Rewind();

 private:
  bool InGroup(Seq seq) const { return window_ < max_rows_ && seq >= from_; }

  const std::size_t max_rows_;
  std::size_t window_;        // Rows of a group; max_rows_: there are no groups.
  Seq from_ = 0;              // Rows from here on are sent in groups.
  std::size_t suspects_ = 0;  // So many from there on; 0: no suspicion, groups grow.
  std::size_t resume_ = 1;    // Rows of a group when the bad one is out of the way.
  std::size_t group_ = 0;     // Rows sent of the present group.
  Seq rejected_from_ = 0;     // Lowest row rejected since the last rewind.
  std::size_t rejected_ = 0;  // How many were.
};

}  // namespace sluice
