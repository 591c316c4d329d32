// The clocks of this machine: the wall clock with the kernel's word on whether a time service has set it (as systemd-timesyncd, chrony and
// ntpd tell it: adjtimex(2), STA_UNSYNC), and the clock of the boot.
//
// Any thread.
#pragma once

#include "gateway/event.h"
#include "gateway/ports.h"

namespace sluice {

class SystemClock : public WallClock {
 public:
  SystemClock();
  ClockReading Read() const override;

 private:
  const std::uint64_t boot_;
};

/// Notes in `event` that it is received now. Without a system call: what the time is worth is found out once a batch (BootTimeOf).
void StampReceipt(Event& event);

}  // namespace sluice
