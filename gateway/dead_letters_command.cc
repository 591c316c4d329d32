#include "gateway/dead_letters_command.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/control_client.h"
#include "gateway/json_text.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

constexpr const char* kRow = "%-12s %-12s %-20s %8s %10s  %-24s %s\n";

// Of a table, so that a control character of a topic does nothing to the terminal.
std::string Cell(const Json& line, const char* name) {
  if (!line.contains(name)) return "";
  if (!line[name].is_string()) return line[name].dump();
  const std::string quoted = line[name].dump();
  return quoted.substr(1, quoted.size() - 2);
}

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

int Failed(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  return kExitFailed;
}

int Ask(const Command& command, const std::string& socket, const std::function<bool(const Json&)>& on_line) {
  const Result<void> asked = AskDaemon(socket, RequestOf(command.dead_letters), on_line);
  return asked ? kExitOk : Failed(asked.error().message);
}

int List(const Command& command, const std::string& socket) {
  bool any = false;
  return Ask(command, socket, [&](const Json& letter) {
    if (command.json) {
      std::fputs(Line(letter).c_str(), stdout);
      return true;
    }
    if (!std::exchange(any, true)) std::printf(kRow, "ID", "SINK", "TIME (UTC)", "ATTEMPTS", "BYTES", "TOPIC", "REASON");
    PrintRow(letter);
    return true;
  });
}

int Show(const Command& command, const std::string& socket) {
  bool any = false;
  const int status = Ask(command, socket, [&](const Json& letter) {
    any = true;
    std::fputs(Line(letter, 2).c_str(), stdout);
    return true;
  });
  return status == kExitOk && !any ? Failed("there is no such dead letter") : status;
}

int Export(const Command& command, const std::string& socket) {
  const std::string& path = command.dead_letters.output;
  File file(path.empty() ? stdout : std::fopen(path.c_str(), "w"), path.empty() ? std::fflush : std::fclose);
  if (!file) return Failed(path + " cannot be written");
  bool written = true;
  const int status = Ask(command, socket, [&](const Json& letter) {
    written = std::fputs(Line(letter).c_str(), file.get()) >= 0;
    return written;
  });
  // Only a file that was closed well holds what it was given.
  const auto close = file.get_deleter();
  if (close(file.release()) != 0 || !written) return Failed("not all could be written");
  return status;
}

// replay, purge: how many, while it goes on if a human looks, and at the end.
int Change(const Command& command, const std::string& socket, const char* done) {
  std::uint64_t count = 0;
  std::uint64_t stay = 0;
  const bool human = ::isatty(STDERR_FILENO) != 0;
  const int status = Ask(command, socket, [&](const Json& line) {
    count = line.value(done, count);
    stay = line.value("stay", stay);
    if (human) std::fprintf(stderr, "\r%s %llu", done, static_cast<unsigned long long>(count));
    return true;
  });
  if (human && count > 0) std::fputc('\n', stderr);
  std::printf("%s %llu\n", done, static_cast<unsigned long long>(count));
  if (stay > 0)
    return Failed(std::to_string(stay) + " stay: they could never be sent (0 attempts); export them and publish their payloads again");
  const bool named = !command.dead_letters.ids.empty();
  return status == kExitOk && named && count == 0 ? Failed("there is no such dead letter") : status;
}

}  // namespace

int RunDeadLetters(const Command& command, const std::string& socket) {
  const std::string& action = command.dead_letters.action;
  if (action == "list") return List(command, socket);
  if (action == "show") return Show(command, socket);
  if (action == "export") return Export(command, socket);
  return Change(command, socket, action == "replay" ? "replayed" : "purged");
}

}  // namespace sluice
