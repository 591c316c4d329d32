#include "gateway/letter_selection.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

namespace sluice {
namespace {

using Json = nlohmann::json;

// A page is one transaction when it is replayed or purged: small, so that commits do not wait for it.
constexpr std::size_t kPageLetters = 500;
constexpr std::size_t kPageBytes = 256u << 10;

bool ParseNumber(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0;
}

bool IsMeant(const Json& request, const char* key, const std::string& name) {
  return !request.contains(key) || request[key] == name;
}

}  // namespace

Result<LetterSelection> LetterSelection::Parse(const Json& request, const std::vector<LaneState>& lanes, const Identity& identity) {
  LetterSelection selection;
  if (request.contains("ids") && request["ids"].is_array()) {
    for (const Json& id : request["ids"]) {
      Result<void> added = selection.AddId(id.is_string() ? id.get<std::string>() : id.dump(), lanes, identity);
      if (!added) return tl::unexpected<Error>(added.error());
    }
    return selection;
  }
  if (!request.contains("all")) return Fail(ErrorCode::kInvalid, "say which dead letters: their ids, or all");
  for (const LaneState& lane : lanes) {
    if (!IsMeant(request, "sink", lane.sink) || !IsMeant(request, "class", lane.lane_class)) continue;
    selection.ranges_.push_back({lane.id, 0, std::numeric_limits<Seq>::max()});
  }
  if (selection.ranges_.empty()) return Fail(ErrorCode::kInvalid, "the outbox has no lane of this sink and class");
  return selection;
}

Result<void> LetterSelection::AddId(const std::string& id, const std::vector<LaneState>& lanes, const Identity& identity) {
  const std::size_t slash = id.find('/');
  const std::string own = identity.gateway_id + ":" + identity.outbox_id + ":";
  std::uint64_t lane = 0;
  Seq seq = 0;
  if (slash != std::string::npos && ParseNumber(std::string_view(id).substr(0, slash), lane) &&
      ParseNumber(std::string_view(id).substr(slash + 1), seq)) {
    const bool known = std::any_of(lanes.begin(), lanes.end(), [&](const LaneState& state) { return state.id == lane; });
    if (!known) return Fail(ErrorCode::kInvalid, "`" + id + "`: the outbox has no such lane");
    ranges_.push_back({static_cast<LaneId>(lane), seq - 1, seq});
    return {};
  }
  if (id.rfind(own, 0) != 0 || !ParseNumber(std::string_view(id).substr(own.size()), seq))
    return Fail(ErrorCode::kInvalid, "`" + id + "` is no id of a dead letter (lane/seq), nor of an event of this outbox (" + own + "seq)");
  // An event may be a dead letter of several sinks.
  for (const LaneState& state : lanes) ranges_.push_back({state.id, seq - 1, seq});
  return {};
}

LetterQuery LetterSelection::NextQuery(bool with_payload) const {
  const Range& range = ranges_[at_];
  const std::size_t most = static_cast<std::size_t>(std::min<Seq>(kPageLetters, range.last - range.after));
  return {range.lane, range.after, most, kPageBytes, with_payload};
}

void LetterSelection::Advance(LetterPage& page) {
  Range& range = ranges_[at_];
  std::erase_if(page.letters, [&](const KeptLetter& kept) { return kept.letter.seq > range.last; });
  if (!page.letters.empty()) range.after = page.letters.back().letter.seq;
  if (page.end || page.letters.empty() || range.after >= range.last) ++at_;
}

}  // namespace sluice
