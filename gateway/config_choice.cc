#include "gateway/config_choice.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sluice {

std::optional<LastGood> LastGoodOf(const Command& command) {
  std::string directory = command.state_directory;
  const char* of_service = std::getenv("STATE_DIRECTORY");
  // systemd separates several by colons; ours is the first.
  if (directory.empty() && of_service != nullptr) directory = std::string(of_service).substr(0, std::string(of_service).find(':'));
  if (directory.empty()) return std::nullopt;
  return LastGood(directory);
}

std::vector<ConfigChoice> ConfigChoices(const Command& command, const std::optional<LastGood>& last_good) {
  std::vector<ConfigChoice> choices;
  ConfigReading fresh = ReadConfig(ReadConfigFiles(command.config_file));
  for (const Mistake& mistake : fresh.loaded.mistakes) std::fprintf(stderr, "error: %s\n", FormatMistake(mistake).c_str());
  std::string problem;
  if (fresh.loaded.mistakes.empty()) {
    choices.push_back({std::move(fresh), ""});
  } else {
    problem = FormatMistake(fresh.loaded.mistakes[0]);
  }
  if (command.strict || !last_good) return choices;
  std::optional<ConfigFiles> kept = last_good->Read();
  if (!kept) return choices;
  ConfigReading reading = ReadConfig(std::move(*kept));
  if (reading.loaded.mistakes.empty()) choices.push_back({std::move(reading), std::move(problem)});
  return choices;
}

}  // namespace sluice
