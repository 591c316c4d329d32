#include "gateway/letter_selection.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

// A page is one transaction when it is replayed or purged: small, so that commits do not wait for it.
constexpr std::size_t kPageLetters = 500;
constexpr std::size_t kPageBytes = 256u << 10;

}  // namespace

Result<LetterSelection> LetterSelection::Parse(const nlohmann::json& request, const std::vector<LaneState>& lanes,
                                               const Identity& identity) {
  Result<LaneRanges> ranges = LaneRanges::Parse(request, "a dead letter", lanes, identity);
  if (!ranges) return tl::unexpected<Error>(ranges.error());
  return LetterSelection(std::move(*ranges));
}

LetterQuery LetterSelection::NextQuery(bool with_payload) const {
  const std::size_t most = static_cast<std::size_t>(std::min<Seq>(kPageLetters, ranges_.last() - ranges_.after()));
  return {ranges_.lane(), ranges_.after(), most, kPageBytes, with_payload};
}

void LetterSelection::Advance(LetterPage& page) {
  std::erase_if(page.letters, [&](const KeptLetter& kept) { return kept.letter.seq > ranges_.last(); });
  const bool none = page.letters.empty();
  ranges_.Pass(none ? 0 : page.letters.back().letter.seq, page.end || none);
}

}  // namespace sluice
