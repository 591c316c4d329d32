#include "gateway/daemon.h"

#include <malloc.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/difference.h"
#include "config/secrets.h"
#include "config/show.h"
#include "drivers/ack_gate.h"
#include "drivers/certificate.h"
#include "drivers/cloud_event_json.h"
#include "drivers/mqtt_control.h"
#include "drivers/mqtt_subscriptions.h"
#include "drivers/sha256.h"
#include "gateway/assembly.h"
#include "gateway/config_choice.h"
#include "gateway/control_socket.h"
#include "gateway/dead_letter_tasks.h"
#include "gateway/event_tap.h"
#include "gateway/http_door.h"
#include "gateway/last_good_keeper.h"
#include "gateway/ledger_desk.h"
#include "gateway/log.h"
#include "gateway/loop.h"
#include "gateway/monitoring_pages.h"
#include "gateway/outbox_desk.h"
#include "gateway/outbox_tasks.h"
#include "gateway/reload_task.h"
#include "gateway/rules_task.h"
#include "gateway/signals.h"
#include "gateway/start_reason.h"
#include "gateway/status_task.h"
#include "gateway/system_clock.h"
#include "gateway/tail_task.h"
#include "gateway/version.h"
#include "gateway/watchdog.h"
#include "store/store.h"

namespace sluice {
namespace {

// How long a stop may take beyond the wait for the sinks before the process ends all the same; what is acknowledged is durable by then.
constexpr std::chrono::seconds kStopSlack{15};
constexpr std::chrono::milliseconds kReopenAgain{1'000};
// While something has no connection, whether passwords or certificates have changed is looked at so often.
constexpr std::chrono::milliseconds kCredentialsLook{2'000};
constexpr std::chrono::milliseconds kCredentialsLookLongest{60'000};

bool IsJournal() {
  return std::getenv("JOURNAL_STREAM") != nullptr;
}

std::vector<CertificateStatus> CertificatesOf(const Config& config) {
  std::vector<CertificateStatus> certificates;
  for (const auto& [pointer, path] : TlsFilesOf(config)) {
    if (!pointer.ends_with("/cert_file")) continue;
    // "/sources/plc/tls/cert_file" is used by "source plc".
    const std::size_t slash = pointer.find('/', 1);
    const std::string kind = pointer.substr(1, slash - 2);
    certificates.push_back({kind + " " + pointer.substr(slash + 1, pointer.find('/', slash + 1) - slash - 1), CertificateExpiry(path)});
  }
  return certificates;
}

/// Everything that runs, in the order of construction; destroyed in reverse.
class Daemon {
 public:
  Daemon(ConfigChoice choice, const Command& command, const std::optional<LastGood>& last_good)
      : command_(command), in_force_(std::move(choice)), last_good_keeper_(loop_, last_good) {}

  /// kInvalid: the configuration is no good.
  Result<void> Make() {
    if (Result<void> opened = OpenStore(); !opened) return opened;
    Result<std::unique_ptr<AckGate>> gate = AckGate::Open(loop_);
    if (!gate) return tl::unexpected<Error>(gate.error());
    gate_ = std::move(*gate);
    subscriptions_.emplace(config().outbox.path + "-subscriptions");
    mqtt_control_ = std::make_unique<MqttControl>(loop_);
    Result<std::unique_ptr<Assembly>> assembly = Prepare(config());
    if (!assembly) return tl::unexpected<Error>(assembly.error());
    Install(std::move(*assembly));
    AddCommands();
    OpenControl();
    OpenHttp();
    return {};
  }

  void Run() {
    assembly_->gateway().Start();
    Log(LogLevel::kInfo, "main", "ready", {{"version", kVersion}, {"gateway", config().gateway.id}, {"outbox", store_->outbox_id()}});
    sd_notify(0, "READY=1");
    KeepLastGood();
    credentials_timer_->Start(kCredentialsLook);
    watchdog_->Start();
    loop_.Run();
    Log(LogLevel::kInfo, "main", "stopped");
  }

  /// Gives back what Make has made so far, if Run is not called.
  void Abandon() {
    signals_.Close();
    credentials_timer_.reset();
    watchdog_.reset();
    reopen_timer_.reset();
    control_socket_.reset();
    http_.reset();
    ledger_desk_.reset();
    assembly_.reset();
    mqtt_control_.reset();
    gate_.reset();
  }

 private:
  const Config& config() const { return in_force_.reading.loaded.config; }

  Result<void> OpenStore() {
    Result<std::vector<LaneName>> lanes = Assembly::LanesOf(config());
    if (!lanes) return tl::unexpected<Error>(lanes.error());
    Outbox::Options options;
    options.config = config().outbox;
    options.lanes = std::move(*lanes);
    Result<std::unique_ptr<Store>> store =
        Store::Open(std::move(options), [this](std::function<void()> task) { loop_.Post(std::move(task)); });
    if (!store) return tl::unexpected<Error>(store.error());
    store_ = std::move(*store);
    start_reason_ = StartReason(store_->clock(), store_->was_closed(), wall_clock_.Read());
    TellWhatStoreFound();
    return {};
  }

  void TellWhatStoreFound() const {
    if (store_->damaged_rule_records() > 0) {
      Log(LogLevel::kError, "outbox", "records of rules are damaged: what they said of alerts is forgotten",
          {{"records", std::to_string(store_->damaged_rule_records())}});
    }
    if (!store_->set_aside().empty()) {
      Log(LogLevel::kError, "outbox", "the file was damaged or of a newer version: it is set aside, a new one is in use",
          {{"file", store_->set_aside()}});
    }
  }

  Result<std::unique_ptr<Assembly>> Prepare(const Config& config) {
    return Assembly::Prepare(config, {loop_, wall_clock_, *gate_, *mqtt_control_, *subscriptions_, tap_}, store_->outbox_id());
  }

  void Install(std::unique_ptr<Assembly> assembly) {
    assembly_ = std::move(assembly);
    assembly_->Complete(*store_, [this] { return Status(); });
    config_hash_ = HexOf(Sha256(ShowConfig(config())));
    in_force_since_ = wall_clock_.Read().wall;
    desk_.emplace(OutboxDesk{*store_, assembly_->gateway().committer(), wall_clock_, store_->lanes(), SinkTypes(config()),
                             assembly_->identity(), config().outbox.max_bytes, CloudEventJsonOf(assembly_->identity())});
  }

  void AddCommands() {
    HandleDeadLetters(commands_, *desk_);
    HandleOutbox(commands_, *desk_);
    commands_.Add("tail", TailHandler(tap_, loop_, *desk_), CommandKind::kEvents);
    commands_.Add("rules", RulesHandler([this] { return assembly_->gateway().RuleStatuses(); }), CommandKind::kEvents);
    commands_.Add("status", StatusHandler(*store_, [this] { return Status(); }), CommandKind::kDocument);
    commands_.Add("reload", ReloadHandler([this](bool dry_run, auto done) { Reload(dry_run, std::move(done)); }));
  }

  // Events matter more than the command line: without its socket the daemon runs all the same.
  void OpenControl() {
    Result<std::unique_ptr<ControlSocket>> socket = ControlSocket::Open(loop_, config().control.socket, commands_);
    if (!socket) {
      Log(LogLevel::kError, "control", "no control socket: the command line cannot reach this daemon",
          {{"reason", socket.error().message}});
      return;
    }
    control_socket_ = std::move(*socket);
  }

  // Likewise.
  void OpenHttp() {
    ledger_desk_.emplace(*store_, loop_);
    const auto why_not = [this] { return stopping_ ? "the daemon is stopping" : replacement_ ? "a reload is under way; try again" : ""; };
    pages_.emplace(HttpPages::Parts{
        commands_,
        MetricsPage(
            *ledger_desk_, [this]() -> const Committer& { return assembly_->gateway().committer(); }, [this] { return Status(); }),
        ReadinessPage(*ledger_desk_, [this] { return Status(); }), why_not});
    http_.emplace(loop_, *pages_);
    if (Result<void> opened = http_->Open(config().http); !opened)
      Log(LogLevel::kError, "http", "not served; it is tried again at a reload", {{"reason", opened.error().message}});
  }

  std::vector<PartWork> Work() const {
    std::vector<PartWork> parts = assembly_->gateway().Work();
    parts.push_back({"store", store_->asked() > store_->answered(), store_->answered()});
    return parts;
  }

  StatusFacts Status() const {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(loop_.Now() - started_);
    StatusFacts facts;
    facts.version = kVersion;
    facts.gateway_id = config().gateway.id;
    facts.outbox_id = store_->outbox_id();
    facts.config_hash = config_hash_;
    facts.config_problem = in_force_.problem;
    facts.last_reload_ok = last_reload_ok_;
    facts.last_reload = in_force_since_;
    facts.start_reason = start_reason_;
    facts.clock = wall_clock_.Read();
    facts.uptime = uptime;
    facts.max_bytes = config().outbox.max_bytes;
    facts.sources = assembly_->gateway().Sources();
    facts.lanes = store_->lanes();
    for (const SinkConfig& sink : config().sinks) facts.sinks.insert(sink.name);
    facts.forwarders = assembly_->gateway().Forwarders();
    facts.rules = assembly_->gateway().RuleStatuses();
    facts.certificates = CertificatesOf(config());
    facts.outbox_trouble = assembly_->gateway().committer().Trouble();
    facts.stopping = stopping_;
    return facts;
  }

  void KeepLastGood() {
    if (in_force_.problem.empty()) last_good_keeper_.Keep(in_force_.reading.files);
  }

  // ---- reload

  /// One after the other, and after a look at the credentials.
  void Reload(bool dry_run, std::function<void(const ReloadOutcome&)> done) {
    reloads_.push_back({dry_run, std::move(done)});
    if (!reloading_) NextReload();
  }

  void NextReload() {
    reloading_ = false;
    while (stopping_ && !reloads_.empty()) {
      const AskedReload asked = std::move(reloads_.front());
      reloads_.pop_front();
      asked.done({{}, {}, {}, false, "the daemon is stopping"});
    }
    if (reloads_.empty()) return;
    reloading_ = true;
    AskedReload asked = std::move(reloads_.front());
    reloads_.pop_front();
    ReadAnew([path = command_.config_file] { return ReadConfig(ReadConfigFiles(path)); },
             [this, asked = std::move(asked)](ConfigReading reading) { OnRead(std::move(reading), asked.dry_run, asked.done); });
  }

  // One that waits already will read the files as they are then.
  void OnHangup() {
    const bool waits = std::any_of(reloads_.begin(), reloads_.end(), [](const AskedReload& asked) { return !asked.dry_run; });
    if (!waits) Reload(false, [](const ReloadOutcome&) {});
  }

  // On another thread: 10,000 rules take their time, and so may a disk.
  void ReadAnew(std::function<ConfigReading()> read, std::function<void(ConfigReading)> done) {
    auto reading = std::make_unique<ConfigReading>();
    ConfigReading* into = reading.get();
    loop_.Background([read = std::move(read), into] { *into = read(); },
                     [done = std::move(done), owned = reading.release()] { done(std::move(*std::unique_ptr<ConfigReading>(owned))); });
  }

  void OnRead(ConfigReading reading, bool dry_run, const std::function<void(const ReloadOutcome&)>& done) {
    ReloadOutcome outcome{reading.loaded.warnings, reading.loaded.mistakes, {}, false, ""};
    if (!outcome.mistakes.empty()) {
      outcome.failure = "the new configuration has mistakes (the first: " + FormatMistake(outcome.mistakes[0]) + "); the old one goes on";
      return EndReload(outcome, dry_run, done);
    }
    const Config& next = reading.loaded.config;
    outcome.changes = Differences(config(), next);
    outcome.failure = NeedsRestart(next);
    const bool same = outcome.changes.empty() && HasSameCredentials(reading, in_force_.reading);
    if (!outcome.failure.empty() || dry_run) return EndReload(outcome, dry_run, done);
    if (same) {
      // The files are what is in force, whatever they were in between, or whatever is written otherwise in them.
      in_force_ = {std::move(reading), ""};
      KeepLastGood();
      return EndReload(outcome, dry_run, done);
    }
    Replace({std::move(reading), ""}, [this, outcome, done](const std::string& failure) mutable {
      outcome.failure = failure;
      outcome.applied = failure.empty();
      EndReload(outcome, false, done);
    });
  }

  std::string NeedsRestart(const Config& next) const {
    if (next.outbox.path != config().outbox.path) return "/outbox/path can change at a restart only; the old configuration goes on";
    if (next.control.socket != config().control.socket)
      return "/control/socket can change at a restart only; the old configuration goes on";
    return "";
  }

  void EndReload(const ReloadOutcome& outcome, bool dry_run, const std::function<void(const ReloadOutcome&)>& done) {
    if (!dry_run) {
      last_reload_ok_ = outcome.failure.empty();
      if (!outcome.failure.empty()) in_force_.problem = outcome.failure;
      for (const ConfigChange& change : outcome.changes) Log(LogLevel::kInfo, "config", "difference", {{"change", FormatChange(change)}});
      if (!outcome.failure.empty()) Log(LogLevel::kError, "config", "not reloaded", {{"reason", outcome.failure}});
      if (outcome.failure.empty())
        Log(LogLevel::kInfo, "config", outcome.applied ? "reloaded" : "nothing to reload", {{"config", config_hash_.substr(0, 16)}});
    }
    done(outcome);
    EndChange();
  }

  void EndChange() {
    NextReload();
    if (stopping_) StopGateway();
  }

  /// Puts another configuration in force: what can fail is made first; then the present gateway stops as at the end of the process, and the
  /// other one starts on the same outbox. `done` gets why not, or nothing.
  void Replace(ConfigChoice next, std::function<void(const std::string&)> done) {
    Result<std::unique_ptr<Assembly>> prepared = Prepare(next.reading.loaded.config);
    if (!prepared) return done(prepared.error().message + "; the old configuration goes on");
    if (Result<void> ready = http_->Prepare(next.reading.loaded.config.http); !ready)
      return done("http: " + ready.error().message + "; the old configuration goes on");
    sd_notify(0, "RELOADING=1");
    if (control_socket_) control_socket_->Pause();
    if (control_socket_) control_socket_->EndTasks(true);
    http_->EndTasks(true);
    replacement_.emplace(Replacement{std::move(next), std::move(*prepared), std::move(done)});
    assembly_->gateway().Stop(Gateway::Occasion::kReload, command_.stop_limit, [this](bool) { loop_.Post([this] { ReopenStore(); }); });
  }

  void ReopenStore() {
    const Config& next = replacement_->choice.reading.loaded.config;
    store_->Reopen(next.outbox, *Assembly::LanesOf(next), [this](const Result<void>& opened) {
      if (opened) return FinishReplacement();
      // Nothing can be made durable without it, so there is nothing to do but to wait for it.
      if (!std::exchange(reopen_told_, true))
        Log(LogLevel::kError, "outbox", "cannot be opened with the new configuration yet; it is tried again",
            {{"reason", opened.error().message}});
      reopen_timer_->Start(kReopenAgain);
    });
  }

  void FinishReplacement() {
    reopen_told_ = false;
    if (control_socket_) control_socket_->EndTasks(false);
    http_->EndTasks(false);
    Replacement replacement = std::move(*replacement_);
    replacement_.reset();
    assembly_.reset();
    in_force_ = std::move(replacement.choice);
    TellWhatStoreFound();
    // Its ids would be those of the file before.
    if (replacement.assembly->identity().outbox_id != store_->outbox_id()) {
      if (Result<std::unique_ptr<Assembly>> again = Prepare(config()); again) replacement.assembly = std::move(*again);
    }
    ConfigureLog(config().log, IsJournal());
    Install(std::move(replacement.assembly));
    http_->Commit();
    assembly_->gateway().Start(Gateway::Occasion::kReload);
    if (control_socket_) control_socket_->Resume();
    sd_notify(0, "READY=1");
    KeepLastGood();
    replacement.done("");
  }

  // ---- credentials

  // Whoever is not let in any more may have been given another password or certificate: the configuration in force is resolved again. While
  // the trouble lasts, that is looked at less and less often.
  void LookForCredentials() {
    const bool in_trouble = !reloading_ && !stopping_ && assembly_->gateway().IsInTrouble();
    if (!in_trouble) {
      credentials_wait_ = kCredentialsLook;
      return credentials_timer_->Start(kCredentialsLook);
    }
    credentials_wait_ = std::min<std::chrono::milliseconds>(2 * credentials_wait_, kCredentialsLookLongest);
    reloading_ = true;
    ReadAnew([files = in_force_.reading.files] { return ReadConfig(files); },
             [this](ConfigReading reading) { OnCredentials(std::move(reading)); });
  }

  void OnCredentials(ConfigReading reading) {
    const auto end = [this](const std::string& failure) {
      if (!failure.empty()) Log(LogLevel::kError, "config", "changed credentials are not taken up", {{"reason", failure}});
      credentials_timer_->Start(credentials_wait_);
      EndChange();
    };
    if (stopping_ || !reading.loaded.mistakes.empty() || HasSameCredentials(reading, in_force_.reading)) return end("");
    Log(LogLevel::kInfo, "config", "passwords or certificates have changed; they are taken up");
    credentials_wait_ = kCredentialsLook;
    Replace({std::move(reading), in_force_.problem}, end);
  }

  // ---- the end

  void OnSignal(int signal) {
    if (signal == SIGHUP) return OnHangup();
    if (stopping_) return;
    stopping_ = true;
    tap_.Close();
    if (control_socket_) control_socket_->Close();
    ledger_desk_->Close();
    http_->GiveUp();
    sd_notify(0, "STOPPING=1");
    Log(LogLevel::kInfo, "main", "stopping");
    give_up_ = loop_.NewTimer([] {
      Log(LogLevel::kWarning, "main", "the stop takes too long; ending: what is acknowledged is durable");
      std::_Exit(kExitOk);
    });
    give_up_->Start(command_.stop_limit + kStopSlack);
    if (!reloading_) StopGateway();
  }

  void StopGateway() {
    assembly_->gateway().Stop(Gateway::Occasion::kProcess, command_.stop_limit, [this](bool clean) {
      if (!clean)
        Log(LogLevel::kWarning, "main", "not all that was received could be made durable; it was not acknowledged, the broker keeps it");
      store_->Close([this] {
        give_up_.reset();
        loop_.Post([this] {
          Abandon();
          loop_.Stop();
        });
      });
    });
  }

  struct AskedReload {
    bool dry_run;
    std::function<void(const ReloadOutcome&)> done;
  };
  struct Replacement {
    ConfigChoice choice;
    std::unique_ptr<Assembly> assembly;
    std::function<void(const std::string&)> done;
  };

  const Command command_;
  ConfigChoice in_force_;
  std::string config_hash_;  // Of what is in force.
  WallTime in_force_since_{};
  bool last_reload_ok_ = true;
  bool reloading_ = false;           // A configuration is being read or put in force.
  std::deque<AskedReload> reloads_;  // Those that wait for that.
  bool stopping_ = false;
  bool reopen_told_ = false;
  std::optional<Replacement> replacement_;
  std::chrono::milliseconds credentials_wait_ = kCredentialsLook;

  Loop loop_;
  const MonotonicTime started_ = loop_.Now();
  std::string_view start_reason_;
  LastGoodKeeper last_good_keeper_;
  Signals signals_{loop_, [this](int signal) { OnSignal(signal); }};
  std::unique_ptr<Timer> give_up_;
  std::unique_ptr<Timer> reopen_timer_ = loop_.NewTimer([this] { ReopenStore(); });
  std::unique_ptr<Watchdog> watchdog_ = std::make_unique<Watchdog>(loop_, [this] { return Work(); });
  std::unique_ptr<Timer> credentials_timer_ = loop_.NewTimer([this] { LookForCredentials(); });
  const SystemClock wall_clock_;
  EventTap tap_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AckGate> gate_;
  std::optional<MqttSubscriptions> subscriptions_;
  std::unique_ptr<MqttControl> mqtt_control_;
  std::unique_ptr<Assembly> assembly_;
  std::optional<OutboxDesk> desk_;
  ControlCommands commands_;
  std::unique_ptr<ControlSocket> control_socket_;
  std::optional<LedgerDesk> ledger_desk_;
  std::optional<HttpPages> pages_;
  std::optional<HttpDoor> http_;
};

int RunChoice(ConfigChoice choice, const Command& command, const std::optional<LastGood>& last_good, Error& error) {
  ConfigureLog(choice.reading.loaded.config.log, IsJournal());
  for (const Mistake& warning : choice.reading.loaded.warnings) Log(LogLevel::kWarning, "config", FormatMistake(warning));
  if (!choice.problem.empty()) {
    Log(LogLevel::kError, "config", "the configuration is broken: the one that was applied last is in force, until a reload",
        {{"reason", choice.problem}});
  }
  Daemon daemon(std::move(choice), command, last_good);
  if (Result<void> made = daemon.Make(); !made) {
    error = made.error();
    Log(LogLevel::kError, "main", "cannot start", {{"reason", error.message}});
    daemon.Abandon();
    return error.code == ErrorCode::kInvalid ? kExitConfig : kExitFailed;
  }
  daemon.Run();
  return kExitOk;
}

}  // namespace

int RunDaemon(const Command& command) {
  std::signal(SIGPIPE, SIG_IGN);
  // An arena per thread would be a multiple of what a gateway has to spare.
  mallopt(M_ARENA_MAX, 2);
  const std::optional<LastGood> last_good = LastGoodOf(command);
  int status = kExitConfig;
  std::string problem;
  for (ConfigChoice& choice : ConfigChoices(command, last_good)) {
    if (choice.problem.empty()) choice.problem = problem;
    Error error;
    status = RunChoice(std::move(choice), command, last_good, error);
    if (status != kExitConfig) return status;
    problem = error.message;
  }
  return status;
}

}  // namespace sluice
