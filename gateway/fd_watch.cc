#include "gateway/fd_watch.h"

#include <utility>

namespace sluice {

struct FdWatch::Poll {
  uv_poll_t handle;
  std::function<void(int)> on_ready;
};

FdWatch::FdWatch(Loop& loop, int fd, std::function<void(int)> on_ready) : poll_(std::make_unique<Poll>()) {
  poll_->on_ready = std::move(on_ready);
  uv_poll_init(loop.uv(), &poll_->handle, fd);
  poll_->handle.data = poll_.get();
}

FdWatch::~FdWatch() {
  Poll* poll = poll_.release();
  poll->on_ready = nullptr;
  uv_poll_stop(&poll->handle);  // Now, while the descriptor is still open; the handle itself lives until libuv lets it go.
  uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle), [](uv_handle_t* h) { std::unique_ptr<Poll>(static_cast<Poll*>(h->data)); });
}

void FdWatch::SetCallback(std::function<void(int)> on_ready) {
  poll_->on_ready = std::move(on_ready);
}

void FdWatch::SetEvents(int events) {
  if (events == events_) return;
  events_ = events;
  if (events == 0) {
    uv_poll_stop(&poll_->handle);
  } else {
    uv_poll_start(&poll_->handle, events, &FdWatch::OnReady);
  }
}

void FdWatch::OnReady(uv_poll_t* handle, int status, int events) {
  auto on_ready = static_cast<Poll*>(handle->data)->on_ready;  // A copy: it may destroy the watch.
  // An error shows at the next read or write; both are told of it.
  if (on_ready) on_ready(status < 0 ? UV_READABLE | UV_WRITABLE : events);
}

}  // namespace sluice
