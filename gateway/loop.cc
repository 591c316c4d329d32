#include "gateway/loop.h"

#include <utility>

namespace sluice {
namespace {

class UvTimer : public Timer {
 public:
  UvTimer(uv_loop_t* loop, std::function<void()> on_expiry) : handle_(std::make_unique<Handle>()) {
    handle_->on_expiry = std::move(on_expiry);
    uv_timer_init(loop, &handle_->timer);
    handle_->timer.data = handle_.get();
  }
  ~UvTimer() override {
    // libuv keeps the handle until the close callback: it outlives this object. The function does not: it may hold what is being destroyed.
    Handle* handle = handle_.release();
    handle->on_expiry = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle->timer),
             [](uv_handle_t* h) { std::unique_ptr<Handle>(static_cast<Handle*>(h->data)); });
  }
  void Start(std::chrono::milliseconds delay) override {
    uv_timer_start(&handle_->timer, &UvTimer::OnExpiry, static_cast<std::uint64_t>(delay.count()), 0);
  }
  void Stop() override { uv_timer_stop(&handle_->timer); }
  bool IsActive() const override { return uv_is_active(reinterpret_cast<uv_handle_t*>(&handle_->timer)) != 0; }

 private:
  struct Handle {
    uv_timer_t timer;
    std::function<void()> on_expiry;
  };
  static void OnExpiry(uv_timer_t* timer) {
    auto on_expiry = static_cast<Handle*>(timer->data)->on_expiry;  // A copy: it may destroy this timer.
    on_expiry();
  }

  std::unique_ptr<Handle> handle_;
};

struct BackgroundWork {
  uv_work_t request;
  std::function<void()> work;
  std::function<void()> done;
};

}  // namespace

Loop::Loop() {
  uv_loop_init(&loop_);
  uv_async_init(&loop_, &wake_, [](uv_async_t* wake) { static_cast<Loop*>(wake->data)->RunPosted(); });
  wake_.data = this;
}

Loop::~Loop() {
  Stop();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

void Loop::Run() {
  uv_run(&loop_, UV_RUN_DEFAULT);
}

void Loop::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

void Loop::Post(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  posted_.push_back(std::move(task));
  // Under the mutex, so that Stop cannot close the handle in between.
  uv_async_send(&wake_);
}

void Loop::RunPosted() {
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

void Loop::Background(std::function<void()> work, std::function<void()> done) {
  auto background = std::make_unique<BackgroundWork>(BackgroundWork{{}, std::move(work), std::move(done)});
  background->request.data = background.get();
  uv_queue_work(
      &loop_, &background.release()->request, [](uv_work_t* r) { static_cast<BackgroundWork*>(r->data)->work(); },
      [](uv_work_t* r, int) {
        std::unique_ptr<BackgroundWork> finished(static_cast<BackgroundWork*>(r->data));
        finished->done();
      });
}

MonotonicTime Loop::Now() const {
  return MonotonicTime(std::chrono::milliseconds(uv_now(&loop_)));
}

std::unique_ptr<Timer> Loop::NewTimer(std::function<void()> on_expiry) {
  return std::make_unique<UvTimer>(&loop_, std::move(on_expiry));
}

}  // namespace sluice
