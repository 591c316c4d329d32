// Keeps each configuration that has been put in force, for a start with a broken one. The disk may be slow: that happens on another thread,
// one after the other, and of several that wait only the last is kept.
//
// Loop thread.
#pragma once

#include <optional>

#include "config/last_good.h"
#include "gateway/loop.h"

namespace sluice {

class LastGoodKeeper {
 public:
  /// Without `last_good` nothing is kept. Lives until the loop has ended.
  LastGoodKeeper(Loop& loop, std::optional<LastGood> last_good);

  /// A failure is logged.
  void Keep(ConfigFiles files);

 private:
  Loop& loop_;
  const std::optional<LastGood> last_good_;
  bool is_writing_ = false;
  std::optional<ConfigFiles> next_;
};

}  // namespace sluice
