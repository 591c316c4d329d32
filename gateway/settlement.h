// What became of the rows of a lane that were handed to its sink: in flight, delivered out of order, or done as a prefix.
//
// Invariants
//  1. Rows are done from the oldest on: SettledThrough never passes a row that is not done, nor one that is not begun since the rewind.
//  2. A row that is done is remembered until the prefix reaches it, over rewinds too: it is not sent again within this process, unless it
//  is
//     reopened.
//
// Pure. Seqs ascend but need not be contiguous (other lanes have the others).
#pragma once

#include <cstddef>
#include <deque>

#include "gateway/event.h"

namespace sluice {

class Settlement {
 public:
  /// A row is about to be sent. False if it is done already (after a rewind) and must be skipped; the prefix may go on by that.
  /// REQUIRES: seq is above all others ever given, or was given before the last Rewind, or was reopened.
  bool Begin(Seq seq, std::size_t bytes);
  /// The row needs no more sending: the bytes it was given with. Ignored, and 0, if it is not in flight.
  std::size_t Finish(Seq seq);
  /// What is in flight is in flight no more; it will be given again by Begin.
  void Rewind();
  /// The row is to be sent (again), be it done, unknown, or not even in the lane; with it the prefix goes back. REQUIRES: nothing is in
  /// flight, and rows are begun again from the prefix on, all of them in their order.
  void Reopen(Seq seq);

  /// Highest seq such that no row up to it is unfinished. 0 if there is none yet.
  Seq SettledThrough() const { return settled_through_; }
  /// Highest seq ever given, or 0.
  Seq GivenThrough() const { return window_.empty() ? settled_through_ : window_.back().seq; }
  std::size_t InFlightEvents() const { return in_flight_events_; }
  std::size_t InFlightBytes() const { return in_flight_bytes_; }

 private:
  enum class State : unsigned char { kInFlight, kWaiting, kDone };
  struct Entry {
    Seq seq;
    std::size_t bytes;
    State state;
  };
  std::deque<Entry>::iterator PlaceOf(Seq seq);
  Entry* Find(Seq seq);
  void Leave(Entry& entry, State state);
  void PassOver(Seq seq);
  void Advance();

  std::deque<Entry> window_;  // Ascending seq; the front is not done.
  Seq settled_through_ = 0;
  Seq begun_ = 0;  // The last one since the rewind.
  std::size_t in_flight_events_ = 0;
  std::size_t in_flight_bytes_ = 0;
};

}  // namespace sluice
