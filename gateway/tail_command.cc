#include "gateway/tail_command.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "gateway/json_text.h"
#include "gateway/paint.h"
#include "gateway/table_cell.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Json RequestOf(const TailCommand& tail, bool json) {
  Json request{{"command", "tail"}, {"filter", tail.filter}, {"as", json ? "json" : "text"}};
  if (!tail.source.empty()) request["source"] = tail.source;
  if (tail.limit > 0) request["limit"] = tail.limit;
  return request;
}

std::string LineOf(const Json& event, const Paint& paint) {
  const std::string source = event.value("routed", true) ? Cell(event, "source") : Cell(event, "source") + paint(" (unrouted)", Ink::kRed);
  const std::string cut = event.value("bytes", std::uint64_t{0}) > 2'000 ? " (" + Cell(event, "bytes") + " bytes)" : "";
  // Made fit for a terminal by the daemon.
  return Cell(event, "time") + "  " + source + "  " + paint(Cell(event, "topic"), Ink::kGreen) + "  " + event.value("text", "") + cut;
}

}  // namespace

int TailEvents(const Command& command, const Ask& ask) {
  if (const Result<TopicFilter> filter = TopicFilter::Parse(command.tail.filter); !filter) {
    PrintError("no topic filter: " + filter.error().message);
    return kExitUsage;
  }
  // What is shown is out at once, whatever stdout is; so that nothing is left to do at SIGINT.
  std::setvbuf(stdout, nullptr, _IOLBF, 1u << 16);
  std::signal(SIGINT, [](int) { ::_exit(kExitOk); });
  const Paint paint = PaintFor(stdout);
  std::uint64_t missed = 0;
  bool any = false;
  const Result<void> asked = ask(RequestOf(command.tail, command.json), [&](const Json& line) {
    any = true;
    if (!line.contains("missed")) return std::printf("%s\n", (command.json ? JsonText(line) : LineOf(line, paint)).c_str()) >= 0;
    const auto now = line.value("missed", std::uint64_t{0});
    if (now > missed)
      std::fprintf(stderr, "missed %llu: they come faster than they are shown\n", static_cast<unsigned long long>(now - missed));
    missed = now;
    return true;
  });
  if (asked) return kExitOk;
  if (!any || asked.error().code != ErrorCode::kUnavailable) return Failed(asked.error().message);
  std::fprintf(stderr, "the daemon has ended\n");
  return kExitOk;
}

}  // namespace sluice
