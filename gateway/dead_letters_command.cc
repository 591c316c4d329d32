#include "gateway/dead_letters_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "gateway/export_lines.h"
#include "gateway/row_command.h"
#include "gateway/table_cell.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRow = "%-12s %-12s %-20s %8s %10s  %-24s %s\n";

Json RequestOf(const DeadLettersCommand& command) {
  const std::string action = command.action == "show" ? "export" : command.action;
  return RequestFor("dead-letters." + action, command.which);
}

void PrintRow(const Json& letter) {
  std::printf(kRow, Cell(letter, "id").c_str(), Cell(letter, "sink").c_str(), Cell(letter, "time").substr(0, 19).c_str(),
              Cell(letter, "attempts").c_str(), Cell(letter, "bytes").c_str(), Cell(letter, "topic").c_str(),
              Cell(letter, "reason").c_str());
}

int List(const Command& command, const Ask& ask) {
  const auto head = [] { std::printf(kRow, "ID", "SINK", "TIME (UTC)", "ATTEMPTS", "BYTES", "TOPIC", "REASON"); };
  return ListRows(RequestOf(command.dead_letters), ask, command.json, head, PrintRow);
}

constexpr const char* kNone = "there is no such dead letter";

int Show(const Command& command, const Ask& ask) {
  return ShowRows(RequestOf(command.dead_letters), ask, kNone);
}

int Export(const Command& command, const Ask& ask) {
  return ExportLines(command.dead_letters.output,
                     [&](const std::function<bool(const Json&)>& on_line) { return ask(RequestOf(command.dead_letters), on_line); });
}

// replay, purge.
int Change(const Command& command, const Ask& ask, const char* done) {
  const RowChange change = ChangeRows(RequestOf(command.dead_letters), ask, done);
  const int status = StatusOf(change.asked);
  if (change.stay > 0)
    return Failed(std::to_string(change.stay) +
                  " stay: they could never be sent (0 attempts); export them and publish their payloads again");
  const bool named = !command.dead_letters.which.ids.empty();
  return status == kExitOk && named && change.count == 0 ? Failed(kNone) : status;
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
