#include "gateway/export_lines.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "gateway/ask.h"
#include "gateway/cli.h"
#include "gateway/json_text.h"
#include "gateway/tally.h"

namespace sluice {

using Json = nlohmann::ordered_json;
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

int ExportLines(const std::string& path, const std::function<Result<void>(const std::function<bool(const Json&)>&)>& ask) {
  File file(path.empty() ? stdout : std::fopen(path.c_str(), "w"), path.empty() ? std::fflush : std::fclose);
  if (!file) return Failed(path + " cannot be written");
  bool written = true;
  std::uint64_t lines = 0;
  Tally tally("exported");
  const Result<void> asked = ask([&](const Json& line) {
    written = std::fputs(JsonLine(line).c_str(), file.get()) >= 0;
    if (!path.empty()) tally.Show(++lines);
    return written;
  });
  tally.End();
  // Only a file that was closed well holds what it was given.
  const auto close = file.get_deleter();
  const bool closed = close(file.release()) == 0;
  if (!asked) return Failed(asked.error().message);
  return closed && written ? static_cast<int>(kExitOk) : Failed("not all could be written");
}

}  // namespace sluice
