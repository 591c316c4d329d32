// The command line carried out: each verb, with the parts it needs.
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "config/keys.h"
#include "config/last_good.h"
#include "config/load.h"
#include "config/schema.h"
#include "config/show.h"
#include "gateway/ask.h"
#include "gateway/cli.h"
#include "gateway/config_choice.h"
#include "gateway/control_client.h"
#include "gateway/daemon.h"
#include "gateway/dead_letters_command.h"
#include "gateway/explain.h"
#include "gateway/explain_json.h"
#include "gateway/file_text.h"
#include "gateway/json_text.h"
#include "gateway/offline.h"
#include "gateway/outbox_command.h"
#include "gateway/paint.h"
#include "gateway/reload_command.h"
#include "gateway/rules_command.h"
#include "gateway/status_command.h"
#include "gateway/tail_command.h"
#include "gateway/version.h"

namespace sluice {
namespace {

void PrintAll(const std::vector<Mistake>& mistakes, const char* kind) {
  const std::string painted = PaintFor(stderr)(std::string(kind) + ":", std::string_view(kind) == "error" ? Ink::kRed : Ink::kPlain);
  for (const Mistake& mistake : mistakes) std::fprintf(stderr, "%s %s\n", painted.c_str(), FormatMistake(mistake).c_str());
}

void PrintJson(const std::vector<Mistake>& mistakes, const char* severity) {
  for (const Mistake& mistake : mistakes) {
    const nlohmann::ordered_json json{{"severity", severity},           {"file", mistake.place.file}, {"line", mistake.place.line},
                                      {"column", mistake.place.column}, {"pointer", mistake.pointer}, {"message", mistake.message}};
    std::printf("%s\n", JsonText(json).c_str());
  }
}

int Check(const Command& command) {
  const LoadedConfig loaded = LoadConfig(command.config_file, ReferenceMode::kCheckOnly);
  const auto print = command.json ? PrintJson : PrintAll;
  print(loaded.warnings, "warning");
  print(loaded.mistakes, "error");
  if (!loaded.mistakes.empty()) return kExitUsage;
  if (!command.json) std::printf("%s: ok\n", command.config_file.c_str());
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
  if (path == "-")
    return std::optional<std::string>(std::string{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()});
  Result<std::string> text = FileText(path);
  if (!text) return Fail(ErrorCode::kInvalid, "cannot read " + path + ": " + text.error().message);
  return std::optional<std::string>(std::move(*text));
}

Result<Explanation> ExplainWith(const Config& config, const Command& command) {
  const Result<std::optional<std::string>> payload = ReadPayload(command.payload_file);
  if (!payload) return tl::unexpected<Error>(payload.error());
  return Explain(config, command.topic, *payload);
}

int ExplainEvent(const Command& command) {
  const LoadedConfig loaded = LoadConfig(command.config_file, ReferenceMode::kCheckOnly);
  PrintAll(loaded.mistakes, "error");
  if (!loaded.mistakes.empty()) return kExitUsage;
  const Result<Explanation> explanation = ExplainWith(loaded.config, command);
  if (!explanation) {
    PrintError(explanation.error().message);
    return kExitUsage;
  }
  std::fputs((command.json ? JsonText(ExplanationJson(*explanation), 2) + "\n" : ExplanationText(*explanation)).c_str(), stdout);
  return kExitOk;
}

int PrintVersion(const Command& command) {
  std::printf(command.json ? "{\"version\":\"%s\"}\n" : "sluice %s\n", kVersion);
  return kExitOk;
}

/// Resolved if all that it refers to is at hand; for the outbox it seldom matters.
LoadedConfig LoadToAsk(const ConfigFiles& files) {
  LoadedConfig loaded = LoadConfig(files, ReferenceMode::kResolve);
  return loaded.mistakes.empty() ? std::move(loaded) : LoadConfig(files, ReferenceMode::kCheckOnly);
}

bool IsSamePath(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return std::filesystem::absolute(a, ignored).lexically_normal() == std::filesystem::absolute(b, ignored).lexically_normal();
}

/// As it was applied last. Nothing if it was not kept, or is that of another file: what is purged must not be another daemon's.
std::optional<Config> LastGoodConfig(const Command& command) {
  const LastGood of_service(std::filesystem::path(OutboxConfig{}.path).parent_path().string());
  const std::optional<ConfigFiles> kept = LastGoodOf(command).value_or(of_service).Read();
  if (!kept || !IsSamePath(kept->files[0].name, command.config_file)) return std::nullopt;
  LoadedConfig loaded = LoadToAsk(*kept);
  return loaded.mistakes.empty() ? std::optional(std::move(loaded.config)) : std::nullopt;
}

/// Asks the daemon; if none runs, the outbox itself.
Result<void> AskEither(const Config& config, const nlohmann::ordered_json& request,
                       const std::function<bool(const nlohmann::ordered_json&)>& on_line) {
  const std::string& socket = config.control.socket;
  if (!IsUnanswered(socket)) return AskDaemon(socket, request, on_line);
  const auto tell = [&] { std::fprintf(stderr, "note: no daemon runs; %s itself is opened\n", config.outbox.path.c_str()); };
  Result<void> asked = AskOffline(config, request, tell, on_line);
  if (asked || asked.error().code == ErrorCode::kInvalid) return asked;
  if (asked.error().code == ErrorCode::kLocked) {
    return Fail(ErrorCode::kLocked, "no daemon answers on " + socket + ", but one has the outbox: " + asked.error().message +
                                        "; it starts, stops or hangs (systemctl status sluice), or has another control.socket");
  }
  return Fail(asked.error().code, "no daemon answers on " + socket + ", and the outbox cannot be opened: " + asked.error().message +
                                      "; as which user, and with which configuration (-c), does the daemon run?");
}

/// `daemon_only`: the outbox alone cannot answer.
int AskBy(const Config& config, const Command& command, int (*run)(const Command&, const Ask&), bool daemon_only) {
  return run(command, [&](const auto& request, const auto& on_line) {
    return daemon_only ? AskDaemon(config.control.socket, request, on_line) : AskEither(config, request, on_line);
  });
}

int AskAt(const std::string& socket, const Command& command, int (*run)(const Command&, const Ask&)) {
  return run(command, [&](const auto& request, const auto& on_line) { return AskDaemon(socket, request, on_line); });
}

/// A daemon runs with what was good before: mistakes are for `check`. Without one, that tells where the outbox is.
int AskWith(const Command& command, int (*run)(const Command&, const Ask&), bool daemon_only = false) {
  if (!command.socket.empty()) return AskAt(command.socket, command, run);
  const LoadedConfig loaded = LoadToAsk(ReadConfigFiles(command.config_file));
  if (loaded.mistakes.empty()) return AskBy(loaded.config, command, run, daemon_only);
  std::fprintf(stderr, "warning: %s has mistakes (sluice check)\n", command.config_file.c_str());
  const std::string socket = loaded.config.control.socket.empty() ? kServiceSocket : loaded.config.control.socket;
  if (!IsUnanswered(socket)) return AskAt(socket, command, run);
  const std::optional<Config> last_good = LastGoodConfig(command);
  if (!last_good) {
    PrintError("no daemon answers on " + socket +
               ", and the configuration that says where its outbox is has mistakes; sluice check tells its mistakes");
    return kExitUsage;
  }
  std::fprintf(stderr, "note: where the outbox is, %s tells as it was applied last\n", command.config_file.c_str());
  return AskBy(*last_good, command, run, daemon_only);
}

int Main(int argc, char** argv) {
  const std::variant<Command, int> parsed = ParseCommandLine(argc, argv, kVersion);
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
      return AskWith(command, Reload, true);
    case Verb::kDeadLetters:
      return AskWith(command, RunDeadLetters);
    case Verb::kOutbox:
      return AskWith(command, RunOutbox);
    case Verb::kTail:
      return AskWith(command, TailEvents, true);
    case Verb::kRulesList:
      return AskWith(command, ListRules, true);
    case Verb::kRulesTest:
      return TestRules(command, LoadForTest);
    case Verb::kVersion:
      return PrintVersion(command);
  }
  return kExitUsage;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  return sluice::Main(argc, argv);
}
