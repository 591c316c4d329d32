// The log: one line per event of interest, to stderr, in logfmt or JSON, with the priority prefix that journald understands.
// The only global of the program.
//
//   Log(LogLevel::kWarning, "sink", "delivery failed", {{"sink", name}, {"reason", reason}});
//
// Threads: any. Never give it a secret; topics and payloads are escaped here.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"

namespace sluice {

struct LogField {
  std::string_view name;
  std::string value;
};

/// Any thread. `journal`: lines start with "<N>", the syslog priority (set when stderr is the journal).
void ConfigureLog(const LogConfig& config, bool journal);

/// Warnings and errors that say the same as one before are left out for a while, and counted (gateway/log_repeats.h).
/// `part` is the component: "mqtt", "gate", "outbox", "kafka", ...
void Log(LogLevel level, std::string_view part, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace sluice
