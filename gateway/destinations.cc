#include "gateway/destinations.h"

namespace sluice {

Destinations::Destinations(const std::vector<std::size_t>& max) {
  for (std::size_t one : max) sinks_.push_back({one, 0, {}});
}

bool Destinations::Admit(std::size_t sink, const std::string& destination) {
  PerSink& mine = sinks_[sink];
  if (mine.known.contains(destination)) return true;
  const std::size_t bytes = mine.bytes + destination.size();
  if (mine.known.size() >= mine.max || bytes > mine.max * kMaxAverage) return false;
  mine.known.insert(destination);
  mine.bytes = bytes;
  return true;
}

}  // namespace sluice
