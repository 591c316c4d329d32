// The destinations that templates have come to, counted per sink: a topic level that is never the same must not make Kafka topics without
// end. Those that are known go on for ever; a new one beyond the bound is refused.
//
// Memory is bounded: names of more than kMaxAverage bytes count for as many as they take.
//
// Loop thread. Known to this process only.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_set>
#include <vector>

namespace sluice {

class Destinations {
 public:
  static constexpr std::size_t kMaxAverage = 256;

  /// `max`: per sink, in the order of the configuration.
  explicit Destinations(const std::vector<std::size_t>& max);

  /// False: it is not known, and there is no room for one more.
  bool Admit(std::size_t sink, const std::string& destination);

 private:
  struct PerSink {
    std::size_t max;
    std::size_t bytes = 0;
    std::unordered_set<std::string> known;
  };
  std::vector<PerSink> sinks_;
};

}  // namespace sluice
