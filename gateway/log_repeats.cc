#include "gateway/log_repeats.h"

#include <algorithm>

namespace sluice {

std::optional<std::uint64_t> LogRepeats::Admit(const std::string& line, Time now) {
  const auto known = by_line_.find(line);
  if (known == by_line_.end()) {
    Remember(line, now);
    return 0;
  }
  Entry& entry = *known->second;
  entries_.splice(entries_.end(), entries_, known->second);
  if (now < entry.pause_end) {
    ++entry.left_out;
    return std::nullopt;
  }
  // Not said for as long as that: it is news again.
  const bool was_quiet = now - entry.pause_end >= entry.pause;
  entry.pause = was_quiet ? kFirstPause : std::min(2 * entry.pause, kLongestPause);
  entry.pause_end = now + entry.pause;
  return std::exchange(entry.left_out, 0);
}

void LogRepeats::Remember(const std::string& line, Time now) {
  if (entries_.size() >= kMaxLines) {
    const Entry& oldest = entries_.front();
    if (oldest.left_out > 0) forgotten_.push_back({oldest.line, oldest.left_out});
    by_line_.erase(oldest.line);
    entries_.pop_front();
  }
  entries_.push_back({line, now + kFirstPause});
  by_line_[line] = std::prev(entries_.end());
}

std::vector<LogRepeats::Overdue> LogRepeats::TakeOverdue(Time now) {
  std::vector<Overdue> overdue = std::exchange(forgotten_, {});
  for (Entry& entry : entries_) {
    if (entry.left_out > 0 && now >= entry.pause_end) overdue.push_back({entry.line, std::exchange(entry.left_out, 0)});
  }
  return overdue;
}

}  // namespace sluice
