// The command line: words in, a Command out. Only syntax; main.cc carries it out.
#pragma once

#include <chrono>
#include <string>
#include <variant>

namespace sluice {

enum class Verb { kRun, kCheck, kConfigShow, kConfigSchema, kExplain, kVersion };

struct Command {
  Verb verb = Verb::kRun;
  std::string config_file = "/etc/sluice/sluice.json";
  std::string topic;                   ///< explain: of the event.
  std::string payload_file;            ///< explain: of the event; "-": standard input; empty: none.
  std::chrono::seconds stop_limit{5};  ///< run: how long a stop waits for the sinks' last answers.
};

/// Exit statuses of every verb.
enum ExitStatus : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,    ///< Wrong usage, or mistakes in a configuration.
  kExitConfig = 78,  ///< `run` with a bad configuration (EX_CONFIG): systemd is told not to restart on it.
};

/// The command, or the exit status after help or a usage error was printed.
std::variant<Command, int> ParseCommandLine(int argc, char** argv);

}  // namespace sluice
