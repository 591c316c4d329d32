// Keeps lines that say the same again and again out of a log: the first is written, then one a minute, then ever fewer, down to one an
// hour, each with how many like it were left out.
//
// Invariants
//  1. Each line is written or counted, and what is counted is told, by the next line like it that is written or as overdue.
//  2. At most kMaxLines lines are remembered, those said last.
//
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sluice {

class LogRepeats {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kMaxLines = 64;
  static constexpr std::chrono::minutes kFirstPause{1};
  static constexpr std::chrono::minutes kLongestPause{60};

  /// `line` is about to be written: how many like it were left out since it last was; nothing: it is to be left out, too.
  std::optional<std::uint64_t> Admit(const std::string& line, Time now);

  struct Overdue {
    std::string line;
    std::uint64_t left_out = 0;
  };
  /// Lines that were left out and did not come again since, though they could have been written.
  std::vector<Overdue> TakeOverdue(Time now);

 private:
  struct Entry {
    std::string line;
    Time pause_end;
    std::chrono::minutes pause = kFirstPause;
    std::uint64_t left_out = 0;
  };
  using Entries = std::list<Entry>;

  void Remember(const std::string& line, Time now);

  Entries entries_;  // Said longest ago first.
  std::unordered_map<std::string, Entries::iterator> by_line_;
  std::vector<Overdue> forgotten_;
};

}  // namespace sluice
