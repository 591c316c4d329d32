#include "gateway/settlement.h"

#include <algorithm>
#include <cassert>

namespace sluice {

bool Settlement::Begin(Seq seq, std::size_t bytes) {
  if (seq <= settled_through_) return false;
  Entry* entry = nullptr;
  if (window_.empty() || window_.back().seq < seq) {
    entry = &window_.emplace_back(Entry{seq, bytes, State::kInFlight});
  } else if (entry = Find(seq); entry == nullptr) {
    entry = &*window_.insert(PlaceOf(seq), Entry{seq, bytes, State::kInFlight});
  } else {
    assert(entry->state != State::kInFlight);
    if (entry->state == State::kDone) return false;
    entry->state = State::kInFlight;
  }
  ++in_flight_events_;
  in_flight_bytes_ += entry->bytes;
  return true;
}

std::size_t Settlement::Finish(Seq seq) {
  Entry* entry = Find(seq);
  if (entry == nullptr || entry->state != State::kInFlight) return 0;
  const std::size_t bytes = entry->bytes;
  Leave(*entry, State::kDone);
  while (!window_.empty() && window_.front().state == State::kDone) {
    settled_through_ = window_.front().seq;
    window_.pop_front();
  }
  return bytes;
}

void Settlement::Rewind() {
  for (Entry& entry : window_) {
    if (entry.state == State::kInFlight) Leave(entry, State::kWaiting);
  }
}

void Settlement::Reopen(Seq seq) {
  assert(in_flight_events_ == 0);
  if (Entry* entry = Find(seq); entry != nullptr) entry->state = State::kWaiting;
  settled_through_ = std::min(settled_through_, seq - 1);
}

std::deque<Settlement::Entry>::iterator Settlement::PlaceOf(Seq seq) {
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
