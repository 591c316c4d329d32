#include "gateway/settlement.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace sluice {

bool Settlement::Begin(Seq seq, std::size_t bytes) {
  PassOver(seq);
  if (seq <= settled_through_) return false;
  auto entry = PlaceOf(seq);
  if (entry == window_.end() || entry->seq != seq) entry = window_.insert(entry, Entry{seq, bytes, State::kWaiting});
  assert(entry->state != State::kInFlight);
  if (entry->state == State::kDone) return false;
  *entry = {seq, bytes, State::kInFlight};
  ++in_flight_events_;
  in_flight_bytes_ += bytes;
  return true;
}

// Rows are begun in their order: one that still waits before `seq` is not in the lane, and must not hold it up.
void Settlement::PassOver(Seq seq) {
  for (auto entry = PlaceOf(seq); entry != window_.begin() && std::prev(entry)->seq > begun_;) {
    if ((--entry)->state == State::kWaiting) entry->state = State::kDone;
  }
  begun_ = seq;
  Advance();
}

// Not past what is begun: in between two that were given before, others may have come by now.
void Settlement::Advance() {
  while (!window_.empty() && window_.front().state == State::kDone && window_.front().seq <= begun_) {
    settled_through_ = window_.front().seq;
    window_.pop_front();
  }
}

std::size_t Settlement::Finish(Seq seq) {
  Entry* entry = Find(seq);
  if (entry == nullptr || entry->state != State::kInFlight) return 0;
  const std::size_t bytes = entry->bytes;
  Leave(*entry, State::kDone);
  Advance();
  return bytes;
}

void Settlement::Rewind() {
  begun_ = 0;
  for (Entry& entry : window_) {
    if (entry.state == State::kInFlight) Leave(entry, State::kWaiting);
  }
}

void Settlement::Reopen(Seq seq) {
  assert(in_flight_events_ == 0);
  begun_ = 0;
  if (Entry* entry = Find(seq); entry != nullptr) entry->state = State::kWaiting;
  settled_through_ = std::min(settled_through_, seq - 1);
}

std::deque<Settlement::Entry>::iterator Settlement::PlaceOf(Seq seq) {
  if (window_.empty() || window_.back().seq < seq) return window_.end();
  return std::lower_bound(window_.begin(), window_.end(), seq, [](const Entry& e, Seq s) { return e.seq < s; });
}

Settlement::Entry* Settlement::Find(Seq seq) {
  auto it = PlaceOf(seq);
  return it == window_.end() || it->seq != seq ? nullptr : &*it;
}

void Settlement::Leave(Entry& entry, State state) {
  entry.state = state;
  --in_flight_events_;
  in_flight_bytes_ -= entry.bytes;
}

}  // namespace sluice
