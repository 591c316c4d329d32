#include "drivers/mqtt_control.h"

#include <unistd.h>

#include <utility>

#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kLook{5'000};
constexpr int kExitSoftware = 70;  // EX_SOFTWARE

}  // namespace

MqttControl::MqttControl(Loop& loop) : watchdog_(loop.NewTimer([this] { WatchWork(); })), thread_([this] { Work(); }) {}

MqttControl::~MqttControl() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void MqttControl::Run(std::function<void()> call) {
  {
    std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  changed_.notify_one();
  if (!watchdog_->IsActive()) watchdog_->Start(kLook);
}

void MqttControl::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
    if (calls_.empty()) return;
    auto call = std::move(calls_.front());
    calls_.pop_front();
    busy_since_ = std::chrono::steady_clock::now();
    lock.unlock();
    call();
    call = nullptr;  // What it holds is destroyed here, not under the mutex.
    lock.lock();
    busy_since_.reset();
  }
}

void MqttControl::WatchWork() {
  std::lock_guard lock(mutex_);
  if (busy_since_ && std::chrono::steady_clock::now() - *busy_since_ > kPatience) {
    Log(LogLevel::kError, "mqtt", "the MQTT library does not come back from a call; ending, to be started again");
    _exit(kExitSoftware);
  }
  if (busy_since_ || !calls_.empty()) watchdog_->Start(kLook);
}

}  // namespace sluice
