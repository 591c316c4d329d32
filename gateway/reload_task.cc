#include "gateway/reload_task.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/json_text.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

std::string LinesOf(const ReloadOutcome& outcome) {
  std::string lines;
  for (const Mistake& warning : outcome.warnings) lines += JsonLine(Json{{"warning", FormatMistake(warning)}});
  for (const Mistake& mistake : outcome.mistakes) lines += JsonLine(Json{{"mistake", FormatMistake(mistake)}});
  for (const ConfigChange& change : outcome.changes) {
    lines += JsonLine(Json{{"change", {{"pointer", change.pointer}, {"before", change.before}, {"after", change.after}}},
                           {"text", FormatChange(change)}});
  }
  if (outcome.failure.empty()) lines += JsonLine(Json{{"applied", outcome.applied}});
  return lines;
}

class ReloadTask : public ControlTask {
 public:
  ReloadTask(Reloader reload, bool dry_run, ControlAnswer& answer) : reload_(std::move(reload)), dry_run_(dry_run), answer_(answer) {}

  void Next() override {
    if (std::exchange(asked_, true)) return failure_.empty() ? answer_.End() : answer_.Fail(failure_);
    reload_(dry_run_, [this](const ReloadOutcome& outcome) {
      failure_ = outcome.failure;
      const std::string lines = LinesOf(outcome);
      lines.empty() ? Next() : answer_.Send(lines);
    });
  }
  bool OutlivesReload() const override { return true; }

 private:
  const Reloader reload_;
  const bool dry_run_;
  ControlAnswer& answer_;
  bool asked_ = false;
  std::string failure_;
};

}  // namespace

ControlHandler ReloadHandler(Reloader reload) {
  return [reload = std::move(reload)](const nlohmann::json& request, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
    const bool dry_run = request.contains("dry_run") && request["dry_run"] == true;
    return std::make_unique<ReloadTask>(reload, dry_run, answer);
  };
}

}  // namespace sluice
