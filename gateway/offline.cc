#include "gateway/offline.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "drivers/cloud_event_json.h"
#include "gateway/control_commands.h"
#include "gateway/dead_letter_tasks.h"
#include "gateway/json_text.h"
#include "gateway/loop.h"
#include "gateway/outbox_desk.h"
#include "gateway/outbox_tasks.h"
#include "gateway/status_task.h"
#include "gateway/system_clock.h"
#include "gateway/version.h"
#include "store/store.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Result<void> BecomeOwnerOf(const std::string& path) {
  struct stat status {};
  if (::geteuid() != 0 || ::stat(path.c_str(), &status) != 0 || status.st_uid == 0) return {};
  if (::setegid(status.st_gid) == 0 && ::seteuid(status.st_uid) == 0) return {};
  return Fail(ErrorCode::kUnavailable, path + " belongs to another user, and we cannot become that user: " + std::strerror(errno));
}

// What may not be looked at would pass for what is not there.
Result<void> CheckAccess(const std::string& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0 || errno != EACCES) return {};
  return Fail(ErrorCode::kUnavailable,
              path + ": " + std::strerror(EACCES) + "; without a daemon only root and the user that the daemon runs as can open it");
}

/// Straight to the outbox: nothing is in flight that would have to be waited for.
class DirectReentry : public Reentry {
 public:
  DirectReentry(EventStore& store, std::function<bool(LaneId)> is_forwarded) : store_(store), is_forwarded_(std::move(is_forwarded)) {}

  bool Hold(LaneId lane) override { return is_forwarded_(lane); }
  void Release(LaneId) override {}
  void Replay(LaneReplay replay, std::function<void(Result<void>)> done) override {
    Batch batch;
    batch.replays.push_back(std::move(replay));
    store_.Commit(std::move(batch), [done = std::move(done)](Result<void> result, const Batch&) { done(std::move(result)); });
  }

 private:
  EventStore& store_;
  const std::function<bool(LaneId)> is_forwarded_;
};

/// Hands an answer over line by line. Ends the outbox and the loop with it.
class LocalAnswer : public ControlAnswer {
 public:
  LocalAnswer(Loop& loop, EventStore& store, const std::function<bool(const Json&)>& on_line)
      : loop_(loop), store_(store), on_line_(on_line) {}

  void Run(std::unique_ptr<ControlTask> task) {
    task_ = std::move(task);
    loop_.Post([this] { task_->Next(); });
    loop_.Run();
  }
  const Result<void>& result() const { return result_; }

  bool IsWanted() const override { return wanted_; }
  void Send(std::string lines) override {
    for (std::size_t begin = 0, end; wanted_ && (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1) {
      wanted_ = on_line_(Json::parse(lines.begin() + static_cast<std::ptrdiff_t>(begin), lines.begin() + static_cast<std::ptrdiff_t>(end)));
    }
    loop_.Post([this] { task_->Next(); });
  }
  void End() override {
    store_.Close([this] { loop_.Stop(); });
  }
  void Fail(const std::string& reason) override {
    result_ = sluice::Fail(ErrorCode::kInvalid, reason);
    End();
  }

 private:
  Loop& loop_;
  EventStore& store_;
  const std::function<bool(const Json&)>& on_line_;
  std::unique_ptr<ControlTask> task_;
  bool wanted_ = true;
  Result<void> result_;
};

class Offline {
 public:
  explicit Offline(const Config& config) : config_(config) {}

  Result<void> Open() {
    if (Result<void> became = BecomeOwnerOf(config_.outbox.path); !became) return became;
    if (Result<void> access = CheckAccess(config_.outbox.path); !access) return access;
    Outbox::Options options;
    options.config = config_.outbox;
    options.as_found = true;
    Result<std::unique_ptr<Store>> store =
        Store::Open(std::move(options), [this](std::function<void()> task) { loop_.Post(std::move(task)); });
    if (!store) return tl::unexpected<Error>(store.error());
    store_ = std::move(*store);
    const Identity identity{config_.gateway.id, store_->outbox_id()};
    reentry_.emplace(*store_, [this](LaneId lane) { return !desk_->IsOrphaned(desk_->LaneOf(lane)); });
    desk_.emplace(OutboxDesk{*store_, *reentry_, wall_clock_, store_->lanes(), SinkTypes(config_), identity, config_.outbox.max_bytes,
                             CloudEventJsonOf(identity)});
    HandleOutbox(commands_, *desk_);
    HandleDeadLetters(commands_, *desk_);
    commands_.Add("status", StatusHandler(*store_, [this] { return Status(); }));
    return {};
  }

  Result<void> Answer(const Json& request, const std::function<bool(const Json&)>& on_line) {
    LocalAnswer answer(loop_, *store_, on_line);
    Result<std::unique_ptr<ControlTask>> task = commands_.Make(nlohmann::json::parse(JsonText(request)), answer);
    if (!task) return tl::unexpected<Error>(task.error());
    answer.Run(std::move(*task));
    return answer.result();
  }

 private:
  StatusFacts Status() const {
    StatusFacts facts;
    facts.running = false;
    facts.version = kVersion;
    facts.gateway_id = config_.gateway.id;
    facts.outbox_id = store_->outbox_id();
    facts.clock = wall_clock_.Read();
    facts.max_bytes = config_.outbox.max_bytes;
    for (const MqttSourceConfig& source : config_.sources) facts.sources.push_back({source.name, "stopped", "", {}});
    facts.lanes = store_->lanes();
    for (const auto& [name, type] : desk_->sinks) facts.sinks.insert(name);
    return facts;
  }

  const Config& config_;
  Loop loop_;
  const SystemClock wall_clock_;
  std::unique_ptr<Store> store_;
  std::optional<DirectReentry> reentry_;
  std::optional<OutboxDesk> desk_;
  ControlCommands commands_;
};

}  // namespace

Result<void> AskOffline(const Config& config, const Json& request, const std::function<void()>& on_open,
                        const std::function<bool(const Json&)>& on_line) {
  Offline offline(config);
  if (Result<void> opened = offline.Open(); !opened) return opened;
  on_open();
  return offline.Answer(request, on_line);
}

}  // namespace sluice
