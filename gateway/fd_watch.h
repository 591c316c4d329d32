// Watches a descriptor for readiness, on the loop. Does not own it: the watch must end before the descriptor is closed.
//
// Loop thread.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>

#include "gateway/loop.h"

namespace sluice {

class FdWatch {
 public:
  /// `on_ready` may destroy the watch. Nothing is watched until SetEvents.
  FdWatch(Loop& loop, int fd, std::function<void(int events)> on_ready);
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  /// `events`: UV_READABLE | UV_WRITABLE, or 0. Costs nothing if it is the same as before.
  void SetEvents(int events);
  void SetCallback(std::function<void(int events)> on_ready);

 private:
  struct Poll;
  static void OnReady(uv_poll_t* handle, int status, int events);

  int events_ = 0;
  std::unique_ptr<Poll> poll_;
};

}  // namespace sluice
