#include "gateway/suggestion.h"

#include <algorithm>
#include <numeric>

namespace sluice {
namespace {

// Levenshtein's distance, two rows at a time.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// Half of a word and more is as good as a slip of two letters.
std::size_t Distance(std::string_view word, std::string_view candidate) {
  const std::size_t distance = EditDistance(word, candidate);
  const bool begins = candidate.starts_with(word) && word.size() * 2 >= candidate.size();
  return begins ? std::min<std::size_t>(distance, 2) : distance;
}

std::string Closest(std::string_view word, const std::vector<std::string>& words, std::size_t most) {
  const std::string* best = nullptr;
  std::size_t best_distance = most + 1;
  for (const std::string& candidate : words) {
    const std::size_t distance = Distance(word, candidate);
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : *best;
}

std::string Question(const std::string& closest) {
  return closest.empty() ? "" : " Did you mean `" + closest + "`?";
}

}  // namespace

std::string ClosestWord(std::string_view word, const std::vector<std::string>& words) {
  return Closest(word, words, std::max<std::size_t>(2, word.size() / 3));
}

std::string Suggestion(std::string_view word, const std::vector<std::string>& words) {
  return Question(ClosestWord(word, words));
}

std::string SlipSuggestion(std::string_view word, const std::vector<std::string>& words) {
  return Question(Closest(word, words, word.size() < 8 ? 1 : 2));
}

}  // namespace sluice
