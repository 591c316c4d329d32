#include "gateway/rules_command.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "gateway/alert_document.h"
#include "gateway/file_text.h"
#include "gateway/paint.h"
#include "gateway/rule_scenario.h"

namespace sluice {
namespace {

std::string ValueText(const nlohmann::ordered_json& value) {
  if (value.is_number()) return NumberText(value.get<double>());
  return value.is_string() ? value.get<std::string>() : "-";
}

// What needs somebody's attention: counts that are not zero.
std::string Remarks(const nlohmann::ordered_json& rule) {
  std::string text;
  for (const char* name : {"missing", "type_errors", "undecodable", "retained", "forgotten", "suppressed", "overflows"}) {
    const auto count = rule.value(name, std::uint64_t{0});
    if (count > 0) text += "  " + std::string(name) + " " + std::to_string(count);
  }
  return text;
}

void PrintRule(const nlohmann::ordered_json& rule) {
  const std::string last = rule.value("last_key", "") + "=" + ValueText(rule["last_value"]);
  std::printf("%-24s %8llu %8llu %8llu %12llu %8.2f  %s%s\n", rule.value("alert", "").c_str(), rule.value("keys", 0ull),
              rule.value("pending", 0ull), rule.value("firing", 0ull), rule.value("evaluations", 0ull), rule.value("cost_us", 0.0),
              last.c_str(), Remarks(rule).c_str());
}

Result<RuleScenario> ReadScenario(const std::string& path) {
  const Result<std::string> text = FileText(path);
  if (!text) return Fail(ErrorCode::kInvalid, "cannot read this file: " + text.error().message);
  return RuleScenario::Parse(*text);
}

int Complain(const std::string& path, const std::string& message) {
  PrintError(path + ": " + message);
  return kExitUsage;
}

void PrintOutcome(const Command& command, const std::string& path, const ScenarioOutcome& outcome) {
  std::printf("%s %s: %s (%zu alerts)\n", outcome.misses.empty() ? "ok  " : "FAIL", path.c_str(), outcome.description.c_str(),
              outcome.alerts.size());
  if (command.verbose) {
    for (const std::string& alert : outcome.alerts) std::printf("       %s\n", alert.c_str());
  }
  if (!outcome.misses.empty()) std::printf("     - expected, but not told; + told, but not expected:\n");
  for (const std::string& miss : outcome.misses) std::printf("     %s\n", miss.c_str());
}

void PrintTold(const ScenarioOutcome& outcome) {
  for (const std::string& told : outcome.told) std::printf("%s\n", told.c_str());
}

int TestOne(const Command& command, const std::string& path, const std::function<Result<Config>(const std::string& path)>& load) {
  const Result<RuleScenario> scenario = ReadScenario(path);
  if (!scenario) return Complain(path, scenario.error().message);
  const std::string& named = scenario->config_path();
  const std::string config_path = named.empty() ? command.config_file : (std::filesystem::path(path).parent_path() / named).string();
  const Result<Config> config = load(config_path);
  if (!config) return Complain(path, config.error().message);
  const Result<ScenarioOutcome> outcome = scenario->Run(*config);
  if (!outcome) return Complain(path, outcome.error().message);
  command.json ? PrintTold(*outcome) : PrintOutcome(command, path, *outcome);
  return outcome->misses.empty() ? kExitOk : kExitFailed;
}

}  // namespace

int ListRules(const Command& command, const Ask& ask) {
  bool is_first = true;
  const auto print = [&](const nlohmann::ordered_json& rule) {
    if (command.json) {
      std::printf("%s\n", rule.dump().c_str());
      return true;
    }
    if (std::exchange(is_first, false))
      std::printf("%-24s %8s %8s %8s %12s %8s  %s\n", "alert", "keys", "pending", "firing", "evaluations", "cost us", "last");
    PrintRule(rule);
    return true;
  };
  const Result<void> asked = ask({{"command", "rules"}}, print);
  if (!asked) return StatusOf(asked);
  if (is_first && !command.json) std::printf("there are no rules\n");
  return kExitOk;
}

int TestRules(const Command& command, const std::function<Result<Config>(const std::string& path)>& load) {
  int status = kExitOk;
  std::size_t good = 0;
  for (const std::string& path : command.scenarios) {
    const int one = TestOne(command, path, load);
    status = std::max(status, one);
    good += one == kExitOk ? 1 : 0;
  }
  if (!command.json) std::printf("%zu of %zu scenarios as expected\n", good, command.scenarios.size());
  return status;
}

}  // namespace sluice
