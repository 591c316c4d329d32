// SIGTERM, SIGINT and SIGHUP, taken on the loop.
//
// Loop thread.
#pragma once

#include <uv.h>

#include <array>
#include <csignal>
#include <functional>

#include "gateway/loop.h"

namespace sluice {

class Signals {
 public:
  /// To be closed before it is destroyed, with the loop running on until that is done.
  Signals(Loop& loop, std::function<void(int signal)> on_signal);
  void Close();

 private:
  static constexpr std::array<int, 3> kSignals = {SIGTERM, SIGINT, SIGHUP};
  const std::function<void(int)> on_signal_;
  std::array<uv_signal_t, kSignals.size()> handles_;
};

}  // namespace sluice
