// Why the daemon was started, as far as the outbox and the clock tell.
//
// Pure.
#pragma once

#include <string_view>

#include "gateway/ports.h"

namespace sluice {

/// "first" with this outbox, "restart" after a stop, "crash" without one, "reboot" after a stop, "power_loss" without one (or a kernel that
/// died). `kept`: where the last run stood; `was_closed`: it ended with a stop.
inline std::string_view StartReason(const ClockKept& kept, bool was_closed, const ClockReading& now) {
  if (kept.reading.boot == BootTime{}) return "first";
  if (kept.reading.boot.boot == now.boot.boot) return was_closed ? "restart" : "crash";
  return was_closed ? "reboot" : "power_loss";
}

}  // namespace sluice
