// How far long work has come, on stderr, if a human looks at it there.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice {

class Tally {
 public:
  /// `done`: what is counted, "exported".
  explicit Tally(std::string done);
  ~Tally() { End(); }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  void Show(std::uint64_t count);
  /// The last count, and the end of its line.
  void End();

 private:
  void Print();

  const std::string done_;
  const bool is_watched_;
  std::uint64_t count_ = 0;
  std::chrono::steady_clock::time_point printed_{};
};

}  // namespace sluice
