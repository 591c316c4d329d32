// Which dead letters a request of the command line means (gateway/lane_ranges.h), and the way over them, a page at a time.
//
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <utility>
#include <vector>

#include "gateway/cloud_event.h"
#include "gateway/lane_ranges.h"
#include "gateway/ports.h"

namespace sluice {

class LetterSelection {
 public:
  /// kInvalid: the request does not say which, or names what there is not.
  static Result<LetterSelection> Parse(const nlohmann::json& request, const std::vector<LaneState>& lanes, const Identity& identity);

  bool IsAtEnd() const { return ranges_.IsAtEnd(); }
  /// Of the next page. REQUIRES: not at the end.
  LaneId lane() const { return ranges_.lane(); }
  LetterQuery NextQuery(bool with_payload) const;
  /// Drops from `page`, the answer to NextQuery, what is not meant, and goes on behind it.
  void Advance(LetterPage& page);

 private:
  explicit LetterSelection(LaneRanges ranges) : ranges_(std::move(ranges)) {}

  LaneRanges ranges_;
};

}  // namespace sluice
