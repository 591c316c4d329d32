#include "gateway/outbox_command.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "gateway/export_lines.h"
#include "gateway/json_text.h"
#include "gateway/paint.h"
#include "gateway/row_command.h"
#include "gateway/table_cell.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRow = "%-14s %-12s %-10s %-20s %10s  %-24s %-20s %s\n";
constexpr const char* kLane = "%-24s %12s %14s %10s %12s %12s %10s %10s  %s\n";

Json WhichRows(const OutboxCommand& command, const char* name) {
  Json request = RequestFor(name, command.which);
  if (command.limit > 0) request["limit"] = command.limit;
  return request;
}

std::string Sum(const Json& lane, const char* name) {
  if (!lane.contains(name)) return "0";
  std::int64_t sum = 0;
  for (const auto& [reason, events] : lane[name].items()) sum += events.get<std::int64_t>();
  return std::to_string(sum);
}

std::string SourceLine(const std::string& name, const Json& source) {
  std::string text = "source " + name;
  for (const auto& [what, count] : source.items()) {
    if (!count.is_object()) text += "  " + what + " " + count.dump();
  }
  return text + "  refused " + Sum(source, "refused") + "\n";
}

void PrintStats(const Json& stats, const Paint& paint) {
  std::printf("outbox %s of gateway %s, last seq %s\n", Cell(stats, "outbox").c_str(), Cell(stats, "gateway").c_str(),
              Cell(stats, "last_seq").c_str());
  const Json& disk = stats["disk"];
  std::printf("disk  used %s  max %s  free %s  dead letters %s bytes\n", Cell(disk, "used_bytes").c_str(), Cell(disk, "max_bytes").c_str(),
              Cell(disk, "free_bytes").c_str(), Cell(stats, "dead_letters_bytes").c_str());
  for (const auto& [name, source] : stats["sources"].items()) std::fputs(SourceLine(name, source).c_str(), stdout);
  std::printf(kLane, "LANE", "PENDING", "BYTES", "OLDEST S", "IN", "DELIVERED", "DROPPED", "DEAD", "");
  for (const Json& lane : stats["lanes"]) {
    const bool orphaned = lane.value("orphaned", false);
    std::printf(kLane, (Cell(lane, "sink") + "/" + Cell(lane, "class")).c_str(), Cell(lane, "pending").c_str(),
                Cell(lane, "pending_bytes").c_str(), lane.contains("oldest_age_s") ? Cell(lane, "oldest_age_s").c_str() : "-",
                Cell(lane, "in").c_str(), Cell(lane, "delivered").c_str(), Sum(lane, "dropped").c_str(),
                Cell(lane, "dead_lettered").c_str(), orphaned ? paint("orphaned", Ink::kRed).c_str() : "");
  }
}

int Stats(const Command& command, const Ask& ask) {
  return StatusOf(ask({{"command", "outbox.stats"}}, [&](const Json& stats) {
    if (command.json) {
      std::printf("%s\n", JsonText(stats, 2).c_str());
    } else {
      PrintStats(stats, PaintFor(stdout));
    }
    return true;
  }));
}

void PrintRow(const Json& row) {
  const std::string topic = row.value("damaged", false) ? "(damaged)" : Cell(row, "topic");
  std::printf(kRow, Cell(row, "id").c_str(), Cell(row, "sink").c_str(), Cell(row, "class").c_str(), Cell(row, "time").substr(0, 19).c_str(),
              Cell(row, "bytes").c_str(), topic.c_str(), Cell(row, "destination").c_str(), Cell(row, "key").c_str());
}

int List(const Command& command, const Ask& ask) {
  const auto head = [] { std::printf(kRow, "ID", "SINK", "CLASS", "RECEIVED (UTC)", "BYTES", "TOPIC", "DESTINATION", "KEY"); };
  return ListRows(WhichRows(command.outbox, "outbox.list"), ask, command.json, head, PrintRow);
}

int Show(const Command& command, const Ask& ask) {
  return ShowRows(WhichRows(command.outbox, "outbox.export"), ask, "no such event waits");
}

int Export(const Command& command, const Ask& ask) {
  return ExportLines(command.outbox.output, [&](const std::function<bool(const Json&)>& on_line) {
    return ask(WhichRows(command.outbox, "outbox.export"), on_line);
  });
}

/// How many events of the lane wait.
Result<std::uint64_t> CountRows(const std::string& lane, const Ask& ask) {
  std::optional<std::uint64_t> pending;
  const Result<void> asked = ask({{"command", "outbox.stats"}}, [&](const Json& stats) {
    for (const Json& one : stats["lanes"]) {
      if (one.value("sink", "") + "/" + one.value("class", "") == lane) pending = one.value("pending", std::uint64_t{0});
    }
    return true;
  });
  if (!asked) return tl::unexpected<Error>(asked.error());
  if (!pending) return Fail(ErrorCode::kInvalid, "the outbox has no lane `" + lane + "` (SINK/CLASS)");
  return *pending;
}

bool IsMeant(const std::string& lane, std::uint64_t rows) {
  std::fprintf(stderr, "give up for good all %llu events that wait for %s? [y/N] ", static_cast<unsigned long long>(rows), lane.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

/// purge, move.
int Change(const Json& request, const Ask& ask, const char* done) {
  const RowChange change = ChangeRows(request, ask, done);
  if (!change.asked || change.stay == 0) return StatusOf(change.asked);
  return Failed(std::to_string(change.stay) + " stay: they are damaged, and must not be sent; `sluice outbox purge` gives them up");
}

int Purge(const Command& command, const Ask& ask) {
  const std::string& lane = command.outbox.lane;
  if (!command.outbox.yes) {
    if (::isatty(STDIN_FILENO) == 0) {
      PrintError("there is no terminal to ask on: say --yes if all events that wait for " + lane + " are to be given up");
      return kExitUsage;
    }
    const Result<std::uint64_t> rows = CountRows(lane, ask);
    if (!rows) return Failed(rows.error().message);
    if (!IsMeant(lane, *rows)) return Failed("nothing was purged");
  }
  return Change({{"command", "outbox.purge"}, {"lane", lane}}, ask, "purged");
}

int Move(const Command& command, const Ask& ask) {
  Json request{{"command", "outbox.move"}, {"lane", command.outbox.lane}, {"to", command.outbox.to}};
  if (!command.outbox.destination.empty()) request["destination"] = command.outbox.destination;
  return Change(request, ask, "moved");
}

}  // namespace

int RunOutbox(const Command& command, const Ask& ask) {
  const std::string& action = command.outbox.action;
  if (action == "stats") return Stats(command, ask);
  if (action == "list") return List(command, ask);
  if (action == "show") return Show(command, ask);
  if (action == "export") return Export(command, ask);
  return action == "purge" ? Purge(command, ask) : Move(command, ask);
}

}  // namespace sluice
