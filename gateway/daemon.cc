#include "gateway/daemon.h"

#include <malloc.h>
#include <systemd/sd-daemon.h>
#include <uv.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "config/load.h"
#include "config/show.h"
#include "drivers/ack_gate.h"
#include "drivers/certificate.h"
#include "drivers/cloud_event_json.h"
#include "drivers/mqtt_control.h"
#include "drivers/mqtt_source.h"
#include "drivers/registry.h"
#include "drivers/sha256.h"
#include "gateway/control_socket.h"
#include "gateway/dead_letter_tasks.h"
#include "gateway/gateway.h"
#include "gateway/inbox.h"
#include "gateway/log.h"
#include "gateway/loop.h"
#include "gateway/rules.h"
#include "gateway/rules_task.h"
#include "gateway/start_reason.h"
#include "gateway/status_task.h"
#include "gateway/system_clock.h"
#include "gateway/version.h"
#include "store/store.h"

namespace sluice {
namespace {

constexpr std::size_t kInboxEvents = 4'096;
constexpr std::size_t kInboxBytes = 8u << 20;
constexpr std::size_t kCutBytes = 256u << 10;
// How long a stop may take beyond the wait for the sinks before the process ends all the same; what is acknowledged is durable by then.
constexpr std::chrono::seconds kStopSlack{15};

Inbox::Limits InboxLimits(const Config& config) {
  std::size_t window = kInboxEvents;
  for (const MqttSourceConfig& source : config.sources) window = std::min<std::size_t>(window, source.receive_maximum);
  // Half the smallest receive window: while one half is being made durable the broker can send the other.
  return {kInboxEvents, kInboxBytes, std::max<std::size_t>(1, window / 2), kCutBytes};
}

std::int64_t CostClock() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

struct CertificateFile {
  std::string used_by;
  std::string path;
};

std::vector<CertificateFile> CertificateFiles(const Config& config) {
  std::vector<CertificateFile> files;
  const auto add = [&](const std::string& used_by, const TlsConfig& tls) {
    if (!tls.cert_file.empty()) files.push_back({used_by, tls.cert_file});
  };
  for (const MqttSourceConfig& source : config.sources) add("source " + source.name, source.tls.value_or(TlsConfig{}));
  for (const SinkConfig& sink : config.sinks) {
    add("sink " + sink.name, sink.kafka.tls.value_or(TlsConfig{}));
    if (sink.kafka.msk_iam) add("sink " + sink.name, sink.kafka.msk_iam->credentials.tls);
    add("sink " + sink.name, sink.mqtt.tls.value_or(TlsConfig{}));
    add("sink " + sink.name, sink.kinesis.tls);
    add("sink " + sink.name, sink.kinesis.auth.tls);
  }
  return files;
}

/// SIGTERM and SIGINT on the loop.
class StopSignals {
 public:
  StopSignals(Loop& loop, std::function<void()> on_signal) : on_signal_(std::move(on_signal)) {
    for (std::size_t i = 0; i < 2; ++i) {
      uv_signal_init(loop.uv(), &handles_[i]);
      handles_[i].data = this;
      uv_signal_start(
          &handles_[i], [](uv_signal_t* handle, int) { static_cast<StopSignals*>(handle->data)->on_signal_(); }, kSignals[i]);
    }
  }
  void Close() {
    for (uv_signal_t& handle : handles_) uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
  }

 private:
  static constexpr int kSignals[2] = {SIGTERM, SIGINT};
  const std::function<void()> on_signal_;
  uv_signal_t handles_[2];
};

/// Everything that runs, in the order of construction; destroyed in reverse.
class Daemon {
 public:
  Daemon(const Config& config, std::chrono::seconds stop_limit) : config_(config), stop_limit_(stop_limit) {}

  Result<void> Make() {
    Result<Router> router = Router::Create(config_);
    if (!router) return tl::unexpected<Error>(router.error());
    router_ = std::move(*router);
    if (Result<void> opened = OpenStore(); !opened) return opened;
    Result<std::unique_ptr<AckGate>> gate = AckGate::Open(loop_);
    if (!gate) return tl::unexpected<Error>(gate.error());
    gate_ = std::move(*gate);
    control_ = std::make_unique<MqttControl>(loop_);
    const Identity identity{config_.gateway.id, store_->outbox_id()};
    Result<std::unique_ptr<Rules>> rules = Rules::Create(config_, identity, CostClock);
    if (!rules) return tl::unexpected<Error>(rules.error());
    Gateway::Parts parts{loop_,   wall_clock_, inbox_,        *store_,           store_->last_seq(),        store_->clock(),
                         Lanes(), {},          MakeSources(), std::move(*rules), store_->TakeRuleRecords(), [this] { return Status(); }};
    for (const LaneState& lane : parts.lanes) {
      const SinkConfig* sink = FindSink(lane.sink);
      if (sink == nullptr) {
        parts.sinks.push_back(nullptr);
        continue;
      }
      Result<std::unique_ptr<Sink>> made = MakeSink(*sink, lane.lane_class, {identity, loop_, *gate_, *control_});
      if (!made) return Fail(made.error().code, "sink " + lane.sink + ": " + made.error().message);
      parts.sinks.push_back(std::move(*made));
    }
    gateway_ = std::make_unique<Gateway>(config_, std::move(*router_), std::move(parts));
    AddCommands(identity);
    OpenControl();
    return {};
  }

  void Run() {
    gateway_->Start();
    Log(LogLevel::kInfo, "main", "ready", {{"version", kVersion}, {"gateway", config_.gateway.id}, {"outbox", store_->outbox_id()}});
    sd_notify(0, "READY=1");
    loop_.Run();
    Log(LogLevel::kInfo, "main", "stopped");
  }

  /// Gives back what Make has made so far, if Run is not called.
  void Abandon() {
    signals_.Close();
    control_socket_.reset();
    gateway_.reset();
    control_.reset();
    gate_.reset();
  }

 private:
  Result<void> OpenStore() {
    Outbox::Options options;
    options.config = config_.outbox;
    for (const RoutedLane& lane : router_->lanes()) {
      options.lanes.push_back({config_.sinks[lane.sink].name, config_.classes[lane.lane_class].name});
    }
    Result<std::unique_ptr<Store>> store =
        Store::Open(std::move(options), [this](std::function<void()> task) { loop_.Post(std::move(task)); });
    if (!store) return tl::unexpected<Error>(store.error());
    store_ = std::move(*store);
    start_reason_ = StartReason(store_->clock(), store_->was_closed(), wall_clock_.Read());
    if (store_->damaged_rule_records() > 0) {
      Log(LogLevel::kError, "outbox", "records of rules are damaged: what they said of alerts is forgotten",
          {{"records", std::to_string(store_->damaged_rule_records())}});
    }
    if (!store_->set_aside().empty()) {
      Log(LogLevel::kError, "outbox", "the file was damaged or of a newer version: it is set aside, a new one is in use",
          {{"file", store_->set_aside()}});
    }
    return {};
  }

  void AddCommands(const Identity& identity) {
    const auto event_json = [event = CloudEvent(identity)](const Row& row) mutable {
      std::string json;
      event.Set(row);
      AppendCloudEventJson(event, row, json);
      return json;
    };
    letter_desk_.emplace(LetterDesk{*store_, gateway_->committer(), store_->lanes(), identity, event_json});
    HandleDeadLetters(commands_, *letter_desk_);
    commands_.Add("rules", RulesHandler([this] { return gateway_->RuleStatuses(); }));
    commands_.Add("status", StatusHandler(*store_, [this] { return Status(); }));
  }

  // Events matter more than the command line: without its socket the daemon runs all the same.
  void OpenControl() {
    Result<std::unique_ptr<ControlSocket>> socket = ControlSocket::Open(loop_, config_.control.socket, commands_);
    if (!socket) {
      Log(LogLevel::kError, "control", "no control socket: the command line cannot reach this daemon",
          {{"reason", socket.error().message}});
      return;
    }
    control_socket_ = std::move(*socket);
  }

  StatusFacts Status() const {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(loop_.Now() - started_);
    StatusFacts facts;
    facts.version = kVersion;
    facts.gateway_id = config_.gateway.id;
    facts.outbox_id = store_->outbox_id();
    facts.config_hash = config_hash_;
    facts.start_reason = start_reason_;
    facts.clock = wall_clock_.Read();
    facts.uptime = uptime;
    facts.max_bytes = config_.outbox.max_bytes;
    facts.sources = gateway_->Sources();
    facts.lanes = store_->lanes();
    facts.forwarders = gateway_->Forwarders();
    facts.rules = gateway_->RuleStatuses();
    for (const CertificateFile& file : CertificateFiles(config_))
      facts.certificates.push_back({file.used_by, CertificateExpiry(file.path)});
    return facts;
  }

  const SinkConfig* FindSink(const std::string& name) const {
    const auto found = std::find_if(config_.sinks.begin(), config_.sinks.end(), [&](const SinkConfig& sink) { return sink.name == name; });
    return found == config_.sinks.end() ? nullptr : &*found;
  }

  // Those that routes lead to; then those that no route leads to any more but that hold rows.
  std::vector<LaneState> Lanes() const {
    const std::vector<LaneState>& all = store_->lanes();
    const auto routed = static_cast<std::ptrdiff_t>(router_->lanes().size());
    std::vector<LaneState> lanes(all.begin(), all.begin() + routed);
    for (auto lane = all.begin() + routed; lane != all.end(); ++lane) {
      if (lane->pending_events == 0) continue;
      lanes.push_back(*lane);
      if (FindSink(lane->sink) != nullptr) continue;
      Log(LogLevel::kWarning, "outbox",
          "events wait for a sink that is not configured any more; they are the first to be given up for room",
          {{"sink", lane->sink}, {"class", lane->lane_class}, {"events", std::to_string(lane->pending_events)}});
    }
    return lanes;
  }

  std::vector<std::unique_ptr<Source>> MakeSources() {
    std::random_device seed;
    std::vector<std::unique_ptr<Source>> sources;
    for (const MqttSourceConfig& source : config_.sources) {
      sources.push_back(std::make_unique<MqttSource>(source, *gate_, *control_, loop_, inbox_, seed()));
    }
    return sources;
  }

  void OnSignal() {
    if (stopping_) return;
    stopping_ = true;
    if (control_socket_) control_socket_->Close();
    sd_notify(0, "STOPPING=1");
    Log(LogLevel::kInfo, "main", "stopping");
    give_up_ = loop_.NewTimer([] {
      Log(LogLevel::kWarning, "main", "the stop takes too long; ending: what is acknowledged is durable");
      std::_Exit(kExitOk);
    });
    give_up_->Start(stop_limit_ + kStopSlack);
    gateway_->Stop(stop_limit_, [this](bool clean) {
      if (!clean)
        Log(LogLevel::kWarning, "main", "not all that was received could be made durable; it was not acknowledged, the broker keeps it");
      give_up_.reset();
      loop_.Post([this] {
        Abandon();
        loop_.Stop();
      });
    });
  }

  const Config& config_;
  const std::chrono::seconds stop_limit_;
  bool stopping_ = false;
  Loop loop_;
  const MonotonicTime started_ = loop_.Now();
  const std::string config_hash_ = HexOf(Sha256(ShowConfig(config_))).substr(0, 16);
  std::string_view start_reason_;
  StopSignals signals_{loop_, [this] { OnSignal(); }};
  std::unique_ptr<Timer> give_up_;
  const SystemClock wall_clock_;
  std::optional<Router> router_;  // Until the gateway has it.
  Inbox inbox_{InboxLimits(config_), [this] { loop_.Post([this] { gateway_->OnInbox(); }); }};
  std::unique_ptr<Store> store_;
  std::unique_ptr<AckGate> gate_;
  std::unique_ptr<MqttControl> control_;
  std::unique_ptr<Gateway> gateway_;
  std::optional<LetterDesk> letter_desk_;
  ControlCommands commands_;
  std::unique_ptr<ControlSocket> control_socket_;
};

}  // namespace

int RunDaemon(const Command& command) {
  LoadedConfig loaded = LoadConfig(command.config_file, ReferenceMode::kResolve);
  for (const Mistake& mistake : loaded.mistakes) std::fprintf(stderr, "error: %s\n", FormatMistake(mistake).c_str());
  if (!loaded.mistakes.empty()) return kExitConfig;
  ConfigureLog(loaded.config.log, std::getenv("JOURNAL_STREAM") != nullptr);
  for (const Mistake& warning : loaded.warnings) Log(LogLevel::kWarning, "config", FormatMistake(warning));
  std::signal(SIGPIPE, SIG_IGN);
  // An arena per thread would be a multiple of what a gateway has to spare.
  mallopt(M_ARENA_MAX, 2);
  Daemon daemon(loaded.config, command.stop_limit);
  if (Result<void> made = daemon.Make(); !made) {
    Log(LogLevel::kError, "main", "cannot start", {{"reason", made.error().message}});
    daemon.Abandon();
    return made.error().code == ErrorCode::kInvalid ? kExitConfig : kExitFailed;
  }
  daemon.Run();
  return kExitOk;
}

}  // namespace sluice
