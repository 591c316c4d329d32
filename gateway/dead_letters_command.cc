#include "gateway/dead_letters_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/export_lines.h"
#include "gateway/json_text.h"
#include "gateway/table_cell.h"
#include "gateway/tally.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRow = "%-12s %-12s %-20s %8s %10s  %-24s %s\n";

std::string Line(const Json& json, int indent = -1) {
  return JsonText(json, indent) + "\n";
}

Json RequestOf(const DeadLettersCommand& command) {
  const std::string action = command.action == "show" ? "export" : command.action;
  Json request{{"command", "dead-letters." + action}};
  if (!command.ids.empty()) {
    request["ids"] = command.ids;
    return request;
  }
  request["all"] = true;
  if (!command.sink.empty()) request["sink"] = command.sink;
  if (!command.lane_class.empty()) request["class"] = command.lane_class;
  return request;
}

void PrintRow(const Json& letter) {
  std::printf(kRow, Cell(letter, "id").c_str(), Cell(letter, "sink").c_str(), Cell(letter, "time").substr(0, 19).c_str(),
              Cell(letter, "attempts").c_str(), Cell(letter, "bytes").c_str(), Cell(letter, "topic").c_str(),
              Cell(letter, "reason").c_str());
}

int AskFor(const Command& command, const Ask& ask, const std::function<bool(const Json&)>& on_line) {
  const Result<void> asked = ask(RequestOf(command.dead_letters), on_line);
  return asked ? kExitOk : Failed(asked.error().message);
}

int List(const Command& command, const Ask& ask) {
  bool any = false;
  return AskFor(command, ask, [&](const Json& letter) {
    if (command.json) {
      std::fputs(Line(letter).c_str(), stdout);
      return true;
    }
    if (!std::exchange(any, true)) std::printf(kRow, "ID", "SINK", "TIME (UTC)", "ATTEMPTS", "BYTES", "TOPIC", "REASON");
    PrintRow(letter);
    return true;
  });
}

int Show(const Command& command, const Ask& ask) {
  bool any = false;
  const int status = AskFor(command, ask, [&](const Json& letter) {
    any = true;
    std::fputs(Line(letter, 2).c_str(), stdout);
    return true;
  });
  return status == kExitOk && !any ? Failed("there is no such dead letter") : status;
}

int Export(const Command& command, const Ask& ask) {
  return ExportLines(command.dead_letters.output,
                     [&](const std::function<bool(const Json&)>& on_line) { return ask(RequestOf(command.dead_letters), on_line); });
}

// replay, purge: how many, while it goes on if a human looks, and at the end.
int Change(const Command& command, const Ask& ask, const char* done) {
  std::uint64_t count = 0;
  std::uint64_t stay = 0;
  Tally tally(done);
  const int status = AskFor(command, ask, [&](const Json& line) {
    count = line.value(done, count);
    stay = line.value("stay", stay);
    tally.Show(count);
    return true;
  });
  tally.End();
  std::printf("%s %llu\n", done, static_cast<unsigned long long>(count));
  if (stay > 0)
    return Failed(std::to_string(stay) + " stay: they could never be sent (0 attempts); export them and publish their payloads again");
  const bool named = !command.dead_letters.ids.empty();
  return status == kExitOk && named && count == 0 ? Failed("there is no such dead letter") : status;
}

}  // namespace

int RunDeadLetters(const Command& command, const Ask& ask) {
  const std::string& action = command.dead_letters.action;
  if (action == "list") return List(command, ask);
  if (action == "show") return Show(command, ask);
  if (action == "export") return Export(command, ask);
  return Change(command, ask, action == "replay" ? "replayed" : "purged");
}

}  // namespace sluice
