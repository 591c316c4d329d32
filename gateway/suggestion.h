// The word that was probably meant.
//
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// The word of `words` that is closest to `word`; empty if none is close.
std::string ClosestWord(std::string_view word, const std::vector<std::string>& words);
/// " Did you mean `x`?" for the word of `words` that is closest to `word`; empty if none is close.
std::string Suggestion(std::string_view word, const std::vector<std::string>& words);
/// The same where any other word may be meant as well: only for a slip of one letter, or of two in a long word.
std::string SlipSuggestion(std::string_view word, const std::vector<std::string>& words);

}  // namespace sluice
