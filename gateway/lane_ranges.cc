#include "gateway/lane_ranges.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

namespace sluice {
namespace {

using Json = nlohmann::json;

bool ParseNumber(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0;
}

bool IsMeant(const Json& request, const char* key, const std::string& name) {
  return !request.contains(key) || request[key] == name;
}

}  // namespace

Result<LaneRanges> LaneRanges::Parse(const Json& request, const std::string& what, const std::vector<LaneState>& lanes,
                                     const Identity& identity) {
  LaneRanges ranges;
  if (request.contains("ids") && request["ids"].is_array()) {
    for (const Json& id : request["ids"]) {
      Result<void> added = ranges.AddId(id.is_string() ? id.get<std::string>() : id.dump(), what, lanes, identity);
      if (!added) return tl::unexpected<Error>(added.error());
    }
    return ranges;
  }
  if (!request.contains("all")) {
    return Fail(ErrorCode::kInvalid, R"(say which: "ids", or "all": true (with "sink" and "class" to narrow it))");
  }
  for (const LaneState& lane : lanes) {
    if (!IsMeant(request, "sink", lane.sink) || !IsMeant(request, "class", lane.lane_class)) continue;
    ranges.ranges_.push_back({lane.id, 0, kNoSeq});
  }
  if (ranges.ranges_.empty()) return Fail(ErrorCode::kInvalid, "the outbox has no lane of this sink and class");
  return ranges;
}

Result<void> LaneRanges::AddId(const std::string& id, const std::string& what, const std::vector<LaneState>& lanes,
                               const Identity& identity) {
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
    return Fail(ErrorCode::kInvalid, "`" + id + "` is no id of " + what + " (lane/seq), nor of an event of this outbox (" + own + "seq)");
  // An event may be in the lanes of several sinks.
  for (const LaneState& state : lanes) ranges_.push_back({state.id, seq - 1, seq});
  return {};
}

void LaneRanges::Pass(Seq seq, bool end) {
  Range& range = ranges_[at_];
  range.after = std::max(range.after, seq);
  if (end || range.after >= range.last) ++at_;
}

}  // namespace sluice
