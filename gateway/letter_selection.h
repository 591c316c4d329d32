// Which dead letters a request of the command line means, and the way over them, a page at a time.
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

class LetterSelection {
 public:
  /// kInvalid: the request does not say which, or names what there is not.
  static Result<LetterSelection> Parse(const nlohmann::json& request, const std::vector<LaneState>& lanes, const Identity& identity);

  bool IsAtEnd() const { return at_ == ranges_.size(); }
  /// Of the next page. REQUIRES: not at the end.
  LaneId lane() const { return ranges_[at_].lane; }
  LetterQuery NextQuery(bool with_payload) const;
  /// Drops from `page`, the answer to NextQuery, what is not meant, and goes on behind it.
  void Advance(LetterPage& page);

 private:
  struct Range {
    LaneId lane;
    Seq after;
    Seq last;
  };
  Result<void> AddId(const std::string& id, const std::vector<LaneState>& lanes, const Identity& identity);

  std::vector<Range> ranges_;
  std::size_t at_ = 0;
};

}  // namespace sluice
