#include "gateway/system_clock.h"

#include <sys/timex.h>
#include <time.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace sluice {
namespace {

// The first 28 bits of the boot id: enough to tell boots of one box apart, and four bytes of a row.
std::uint64_t ReadBoot() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  std::erase(text, '-');
  return std::strtoull(text.substr(0, 7).c_str(), nullptr, 16);
}

std::chrono::nanoseconds ReadClock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

SystemClock::SystemClock() : boot_(ReadBoot()) {}

ClockReading SystemClock::Read() const {
  timex status{};  // No mode: only asks.
  return {
      WallTime(ReadClock(CLOCK_REALTIME)), {boot_, ReadClock(CLOCK_BOOTTIME)}, adjtimex(&status) >= 0 && (status.status & STA_UNSYNC) == 0};
}

void StampReceipt(Event& event) {
  event.received = WallTime(ReadClock(CLOCK_REALTIME));
  event.since_boot = ReadClock(CLOCK_BOOTTIME);
}

}  // namespace sluice
