// Which rows or dead letters a request of the command line means, and the way over them, a page at a time.
//
//   "ids": ["<lane>/<seq>" or an event's id, ...]    or    "all": true, with "sink" and "class" to narrow it
//
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "gateway/cloud_event.h"
#include "gateway/ports.h"

namespace sluice {

class LaneRanges {
 public:
  /// `what`: for messages, "a dead letter". kInvalid: the request does not say which, or names what there is not.
  static Result<LaneRanges> Parse(const nlohmann::json& request, const std::string& what, const std::vector<LaneState>& lanes,
                                  const Identity& identity);

  bool IsAtEnd() const { return at_ == ranges_.size(); }
  // Of what comes next. REQUIRES: not at the end.
  LaneId lane() const { return ranges_[at_].lane; }
  Seq after() const { return ranges_[at_].after; }
  Seq last() const { return ranges_[at_].last; }
  bool IsOne() const { return last() - after() == 1; }
  /// A page went as far as `seq`, with nothing in the lane behind it if `end`.
  void Pass(Seq seq, bool end);

 private:
  struct Range {
    LaneId lane;
    Seq after;
    Seq last;
  };
  Result<void> AddId(const std::string& id, const std::string& what, const std::vector<LaneState>& lanes, const Identity& identity);

  std::vector<Range> ranges_;
  std::size_t at_ = 0;
};

}  // namespace sluice
