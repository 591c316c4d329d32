#include "gateway/reload_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "gateway/json_text.h"
#include "gateway/paint.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

std::string TextOf(const Json& line, bool dry_run, std::size_t changes) {
  if (line.contains("warning")) return "warning: " + line["warning"].get<std::string>();
  if (line.contains("mistake")) return "error: " + line["mistake"].get<std::string>();
  if (line.contains("text")) return line["text"].get<std::string>();
  if (line.value("applied", false)) return "applied";
  return dry_run && changes > 0 ? "not applied (--dry-run)" : "nothing has changed";
}

}  // namespace

int Reload(const Command& command, const Ask& ask) {
  bool has_mistakes = false;
  std::size_t changes = 0;
  const auto print = [&](const Json& line) {
    has_mistakes |= line.contains("mistake");
    changes += line.contains("change");
    const std::string text = command.json ? JsonText(line) : TextOf(line, command.dry_run, changes);
    std::fprintf(line.contains("mistake") && !command.json ? stderr : stdout, "%s\n", text.c_str());
    return true;
  };
  const Result<void> asked = ask({{"command", "reload"}, {"dry_run", command.dry_run}}, print);
  if (asked) return kExitOk;
  PrintError(asked.error().message);
  return has_mistakes ? kExitUsage : kExitFailed;
}

}  // namespace sluice
