// The command line carried out: each verb, with the parts it needs.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <utility>

#include "config/keys.h"
#include "config/load.h"
#include "config/schema.h"
#include "config/show.h"
#include "gateway/cli.h"
#include "gateway/daemon.h"
#include "gateway/dead_letters_command.h"
#include "gateway/explain.h"
#include "gateway/reload_command.h"
#include "gateway/rules_command.h"
#include "gateway/status_command.h"
#include "gateway/version.h"

namespace sluice {
namespace {

void PrintAll(const std::vector<Mistake>& mistakes, const char* kind) {
  for (const Mistake& mistake : mistakes) std::fprintf(stderr, "%s: %s\n", kind, FormatMistake(mistake).c_str());
}

int Check(const Command& command) {
  const LoadedConfig loaded = LoadConfig(command.config_file, ReferenceMode::kCheckOnly);
  PrintAll(loaded.warnings, "warning");
  PrintAll(loaded.mistakes, "error");
  if (!loaded.mistakes.empty()) return kExitUsage;
  std::printf("%s: ok\n", command.config_file.c_str());
  return kExitOk;
}

int Show(const Command& command) {
  const LoadedConfig loaded = LoadConfig(command.config_file, ReferenceMode::kCheckOnly);
  PrintAll(loaded.warnings, "warning");
  PrintAll(loaded.mistakes, "error");
  if (!loaded.mistakes.empty()) return kExitUsage;
  std::fputs(ShowConfig(loaded.config).c_str(), stdout);
  return kExitOk;
}

Result<Config> LoadForTest(const std::string& path) {
  LoadedConfig loaded = LoadConfig(path, ReferenceMode::kCheckOnly);
  PrintAll(loaded.mistakes, "error");
  if (!loaded.mistakes.empty()) return Fail(ErrorCode::kInvalid, "the configuration " + path + " has mistakes");
  return std::move(loaded.config);
}

/// Nothing if no file was named.
Result<std::optional<std::string>> ReadPayload(const std::string& path) {
  if (path.empty()) return std::optional<std::string>();
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  if (!in || std::filesystem::is_directory(path)) return Fail(ErrorCode::kInvalid, "cannot read " + path);
  return std::optional<std::string>(std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
}

Result<std::string> ExplainEvent(const Config& config, const Command& command) {
  const Result<std::optional<std::string>> payload = ReadPayload(command.payload_file);
  if (!payload) return tl::unexpected<Error>(payload.error());
  return Explain(config, command.topic, *payload);
}

int ExplainEvent(const Command& command) {
  const LoadedConfig loaded = LoadConfig(command.config_file, ReferenceMode::kCheckOnly);
  PrintAll(loaded.mistakes, "error");
  if (!loaded.mistakes.empty()) return kExitUsage;
  const Result<std::string> text = ExplainEvent(loaded.config, command);
  if (!text) {
    std::fprintf(stderr, "error: %s\n", text.error().message.c_str());
    return kExitUsage;
  }
  std::fputs(text->c_str(), stdout);
  return kExitOk;
}

/// The control socket of the daemon that the command line means. A daemon runs with what was good before: mistakes are for `check`.
std::string SocketOf(const Command& command) {
  if (!command.socket.empty()) return command.socket;
  const LoadedConfig loaded = LoadConfig(command.config_file, ReferenceMode::kCheckOnly);
  if (!loaded.mistakes.empty()) std::fprintf(stderr, "warning: %s has mistakes (sluice check)\n", command.config_file.c_str());
  return loaded.config.control.socket.empty() ? kServiceSocket : loaded.config.control.socket;
}

int AskWith(const Command& command, int (*ask)(const Command&, const std::string& socket)) {
  return ask(command, SocketOf(command));
}

int Main(int argc, char** argv) {
  const std::variant<Command, int> parsed = ParseCommandLine(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const Command& command = std::get<Command>(parsed);
  switch (command.verb) {
    case Verb::kRun:
      return RunDaemon(command);
    case Verb::kCheck:
      return Check(command);
    case Verb::kConfigShow:
      return Show(command);
    case Verb::kConfigSchema:
      std::fputs(ConfigSchema(), stdout);
      return kExitOk;
    case Verb::kConfigKeys:
      std::fputs(DescribeKeys(ConfigSchema()).c_str(), stdout);
      return kExitOk;
    case Verb::kExplain:
      return ExplainEvent(command);
    case Verb::kStatus:
      return AskWith(command, ShowStatus);
    case Verb::kReload:
      return AskWith(command, Reload);
    case Verb::kDeadLetters:
      return AskWith(command, RunDeadLetters);
    case Verb::kRulesList:
      return AskWith(command, ListRules);
    case Verb::kRulesTest:
      return TestRules(command, LoadForTest);
    case Verb::kVersion:
      std::printf("sluice %s\n", kVersion);
      return kExitOk;
  }
  return kExitUsage;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  return sluice::Main(argc, argv);
}
