// Whether all parts of the daemon get on with their work, for the watchdog: to be slow, to be idle and to wait for the outside world is no
// reason to be restarted; to have something to do that one could do, and not to do it, is.
//
// Pure.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "gateway/ports.h"

namespace sluice {

/// A part at one moment.
struct PartWork {
  std::string part;        ///< For the log.
  bool has_work = false;   ///< It has something to do, and waits for nobody outside of this process and its disk.
  std::uint64_t done = 0;  ///< Changes whenever it gets on.
};

class Progress {
 public:
  /// A part is stuck when it has had work for longer than `limit` without getting on.
  explicit Progress(std::chrono::milliseconds limit) : limit_(limit) {}

  /// Those that are stuck at `now`. To be asked several times within `limit`.
  std::vector<std::string> Stuck(const std::vector<PartWork>& parts, MonotonicTime now);

 private:
  struct Seen {
    std::uint64_t done = 0;
    MonotonicTime since;  ///< It had work all the time, and did not get on.
  };

  const std::chrono::milliseconds limit_;
  std::map<std::string, Seen> seen_;  // Those that have work.
};

}  // namespace sluice
