// The watchdog of the service manager: fed while all parts of the daemon get on with their work (gateway/progress.h). That the loop itself
// stands still is seen by its not being fed.
//
// Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "gateway/loop.h"
#include "gateway/progress.h"

namespace sluice {

class Watchdog {
 public:
  /// `parts`: what they are at; asked at each feeding.
  Watchdog(Loop& loop, std::function<std::vector<PartWork>()> parts);

  /// Does nothing where no service manager waits for it.
  void Start();

 private:
  void Feed();

  Loop& loop_;
  const std::function<std::vector<PartWork>()> parts_;
  const std::chrono::milliseconds every_;  // 0: nobody waits for it.
  Progress progress_;
  bool is_told_ = false;  // That something is stuck.
  const std::unique_ptr<Timer> timer_;
};

}  // namespace sluice
