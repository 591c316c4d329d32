// The command line: words in, a Command out. Only syntax; main.cc carries it out.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace sluice {

enum class Verb {
  kRun,
  kCheck,
  kConfigShow,
  kConfigSchema,
  kConfigKeys,
  kExplain,
  kStatus,
  kReload,
  kDeadLetters,
  kOutbox,
  kTail,
  kRulesList,
  kRulesTest,
  kVersion
};

/// Which rows, or dead letters: those that are named, or all.
struct RowSelection {
  std::vector<std::string> ids;  ///< <lane>/<seq>, or the event's id.
  std::string sink;              ///< Of all, only those of this one; empty: every sink.
  std::string lane_class;        ///< Likewise.
};

/// `sluice dead-letters ACTION`.
struct DeadLettersCommand {
  std::string action;  ///< list, show, replay, export or purge.
  RowSelection which;
  bool all = false;
  std::string output;  ///< export: a file; empty: stdout.
};

/// `sluice outbox ACTION`.
struct OutboxCommand {
  std::string action;       ///< stats, list, show, export, purge or move.
  RowSelection which;       ///< show: by ids; list, export: of all.
  std::uint64_t limit = 0;  ///< list, export: so many at most; 0: all.
  std::string output;       ///< export: a file; empty: stdout.
  std::string lane;         ///< purge, move: SINK/CLASS.
  std::string to;           ///< move: SINK/CLASS.
  std::string destination;  ///< move: instead of each event's own; empty: that.
  bool yes = false;         ///< purge: do not ask.
};

/// `sluice tail`.
struct TailCommand {
  std::string filter = "#";
  std::string source;       ///< Only of this one; empty: of any.
  std::uint64_t limit = 0;  ///< Ends after so many; 0: does not.
};

struct Command {
  Verb verb = Verb::kRun;
  std::string config_file = "/etc/sluice/sluice.json";
  std::string topic;         ///< explain: of the event.
  std::string payload_file;  ///< explain: of the event; "-": standard input; empty: none.
  bool json = false;         ///< For programs.
  std::string socket;        ///< Of what asks a daemon: this one, whatever the configuration says; and nobody else.
  DeadLettersCommand dead_letters;
  OutboxCommand outbox;
  TailCommand tail;
  std::vector<std::string> scenarios;  ///< rules test: files.
  bool verbose = false;                ///< rules test: tell the alerts of scenarios that are as expected, too.
  std::chrono::seconds stop_limit{5};  ///< run: how long a stop waits for the sinks' last answers.
  std::string state_directory;         ///< run: where the last good configuration is kept; empty: the service's, or nowhere.
  bool strict = false;                 ///< run: a broken configuration ends it, whatever was applied before.
  bool dry_run = false;                ///< reload: only tell what would change.
};

/// Exit statuses of every verb.
enum ExitStatus : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,    ///< Wrong usage, or mistakes in a configuration.
  kExitConfig = 78,  ///< `run` with a bad configuration (EX_CONFIG): systemd is told not to restart on it.
};

/// The command, or the exit status after help or a usage error was printed.
std::variant<Command, int> ParseCommandLine(int argc, char** argv, const std::string& version);

}  // namespace sluice
