#include "gateway/row_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/json_text.h"
#include "gateway/tally.h"

namespace sluice {

using Json = nlohmann::ordered_json;

Json RequestFor(const std::string& command, const RowSelection& which) {
  Json request{{"command", command}};
  if (!which.ids.empty()) {
    request["ids"] = which.ids;
    return request;
  }
  request["all"] = true;
  if (!which.sink.empty()) request["sink"] = which.sink;
  if (!which.lane_class.empty()) request["class"] = which.lane_class;
  return request;
}

int ListRows(const Json& request, const Ask& ask, bool json, const std::function<void()>& head,
             const std::function<void(const Json&)>& row) {
  bool any = false;
  return StatusOf(ask(request, [&](const Json& line) {
    if (json) return std::fputs(JsonLine(line).c_str(), stdout) >= 0;
    if (!std::exchange(any, true)) head();
    row(line);
    return std::ferror(stdout) == 0;
  }));
}

int ShowRows(const Json& request, const Ask& ask, const char* none) {
  bool any = false;
  const Result<void> asked = ask(request, [&](const Json& line) {
    any = true;
    std::printf("%s\n", JsonText(line, 2).c_str());
    return true;
  });
  return asked && !any ? Failed(none) : StatusOf(asked);
}

RowChange ChangeRows(const Json& request, const Ask& ask, const char* done) {
  RowChange change;
  Tally tally(done);
  change.asked = ask(request, [&](const Json& line) {
    change.count = line.value(done, change.count);
    change.stay = line.value("stay", change.stay);
    tally.Show(change.count);
    return true;
  });
  tally.End();
  std::printf("%s %llu\n", done, static_cast<unsigned long long>(change.count));
  return change;
}

}  // namespace sluice
