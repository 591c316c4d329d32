// The MQTT control thread: the only caller of the MQTT client library, so that no call of it can hold up the loop.
//
// A call that is not back within kPatience ends the process: the library is stuck in a lock that all clients share. Acknowledgements of
// what is not durable are held by the gate, so nothing is lost, and the service manager starts us again.
//
// Threads: all public functions on the loop thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "gateway/loop.h"

namespace sluice {

class MqttControl {
 public:
  static constexpr std::chrono::seconds kPatience{60};

  explicit MqttControl(Loop& loop);
  /// Waits for the calls given so far.
  ~MqttControl();

  /// Runs `call` on the control thread, in order.
  void Run(std::function<void()> call);

 private:
  void Work();
  void WatchWork();

  const std::unique_ptr<Timer> watchdog_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<std::function<void()>> calls_;
  bool stopping_ = false;
  std::optional<std::chrono::steady_clock::time_point> busy_since_;

  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace sluice
