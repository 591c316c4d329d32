#include "gateway/signals.h"

#include <utility>

namespace sluice {

Signals::Signals(Loop& loop, std::function<void(int signal)> on_signal) : on_signal_(std::move(on_signal)) {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    uv_signal_init(loop.uv(), &handles_[i]);
    handles_[i].data = this;
    uv_signal_start(
        &handles_[i], [](uv_signal_t* handle, int signal) { static_cast<Signals*>(handle->data)->on_signal_(signal); }, kSignals[i]);
  }
}

void Signals::Close() {
  for (uv_signal_t& handle : handles_) uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
}

}  // namespace sluice
