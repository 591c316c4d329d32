#include "gateway/watchdog.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "gateway/log.h"

namespace sluice {
namespace {

// How often it is fed in the time that it allows. The service manager restarts us when it has not been fed for so many times as long.
constexpr int kFeeds = 4;

// What the service manager wants, or 0.
std::chrono::milliseconds Interval() {
  std::uint64_t allowed_us = 0;
  if (sd_watchdog_enabled(0, &allowed_us) <= 0) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(std::max<std::uint64_t>(1, allowed_us / 1'000 / kFeeds));
}

}  // namespace

Watchdog::Watchdog(Loop& loop, std::function<std::vector<PartWork>()> parts)
    : loop_(loop),
      parts_(std::move(parts)),
      every_(Interval()),
      progress_(2 * kFeeds * every_),
      timer_(loop.NewTimer([this] { Feed(); })) {}

void Watchdog::Start() {
  if (every_.count() > 0) Feed();
}

void Watchdog::Feed() {
  timer_->Start(every_);
  const std::vector<std::string> stuck = progress_.Stuck(parts_(), loop_.Now());
  if (stuck.empty()) {
    is_told_ = false;
    sd_notify(0, "WATCHDOG=1");
  } else if (!std::exchange(is_told_, true)) {
    Log(LogLevel::kError, "main", "stuck: the watchdog is not fed any more", {{"part", stuck[0]}});
  }
}

}  // namespace sluice
