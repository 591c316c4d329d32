// The event loop: one libuv loop, its timers, and the only door for foreign threads besides the inbox.
//
// Thread: everything runs on the thread that calls Run, except Post, which any thread may call.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "gateway/ports.h"

namespace sluice {

class Loop : public Clock {
 public:
  Loop();
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// For drivers that have handles of their own; they close them before the loop ends.
  uv_loop_t* uv() { return &loop_; }

  /// Returns when Stop was called and the handles of others are closed.
  void Run();
  /// Tasks posted later are dropped.
  void Stop();

  /// Any thread. Runs `task` on the loop thread, in the order of the calls.
  void Post(std::function<void()> task);
  /// Runs `work` on libuv's thread pool, then `done` on the loop thread. For calls that block.
  void Background(std::function<void()> work, std::function<void()> done);

  MonotonicTime Now() const override;
  std::unique_ptr<Timer> NewTimer(std::function<void()> on_expiry) override;

 private:
  void RunPosted();

  uv_loop_t loop_;
  uv_async_t wake_;

  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;
};

}  // namespace sluice
