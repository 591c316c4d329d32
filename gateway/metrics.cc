#include "gateway/metrics.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "gateway/counter_json.h"
#include "gateway/metrics_text.h"

namespace sluice {
namespace {

constexpr auto kCounter = MetricsText::Type::kCounter;
constexpr auto kGauge = MetricsText::Type::kGauge;

double Seconds(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// The counters of one source or lane.
class Account {
 public:
  Account(const StoreCounters& counters, std::string prefix) : counters_(counters), prefix_(std::move(prefix)) {}

  double operator[](const std::string& what) const {
    const auto it = counters_.values.find(prefix_ + what);
    return it == counters_.values.end() ? 0 : static_cast<double>(it->second);
  }
  /// The counters below `folder`, by the rest of their names.
  std::map<std::string, double> Below(const std::string& folder) const {
    std::map<std::string, double> found;
    const std::string start = prefix_ + folder + "/";
    for (auto it = counters_.values.lower_bound(start); it != counters_.values.end() && it->first.starts_with(start); ++it) {
      found[it->first.substr(start.size())] = static_cast<double>(it->second);
    }
    return found;
  }

 private:
  const StoreCounters& counters_;
  const std::string prefix_;
};

void AddBuild(const StatusFacts& status, MetricsText& text) {
  text.Begin("sluice_build_info", kGauge, "Which Sluice this is; always 1.");
  text.Add(1, {{"version", status.version}});
  text.Begin("sluice_config_info", kGauge, "The configuration in force: its hash, without secrets; always 1.");
  text.Add(1, {{"sha256", status.config_hash}});
  text.Begin("sluice_config_last_reload_successful", kGauge,
             "0 if the last reload was refused, or the files of the configuration are not in force.");
  text.Add(status.last_reload_ok && status.config_problem.empty() ? 1 : 0);
  text.Begin("sluice_config_last_reload_success_timestamp_seconds", kGauge, "When the configuration in force was taken up.");
  if (status.last_reload != WallTime{}) text.Add(Seconds(status.last_reload));
  text.Begin("sluice_clock_synchronized", kGauge, "1 if a time service has set the clock since the boot.");
  text.Add(status.clock.synchronized ? 1 : 0);
}

// All that the ledger knows, also those that are not configured any more: what they have sent is still counted.
std::set<std::string> SourcesOf(const MetricsFacts& facts) {
  std::set<std::string> names = SourceNames(*facts.counters);
  for (const SourceStatus& source : facts.status.sources) names.insert(source.name);
  return names;
}

void AddReceived(const MetricsFacts& facts, MetricsText& text) {
  std::vector<std::pair<std::string, Account>> sources;
  for (const std::string& name : SourcesOf(facts)) sources.emplace_back(name, Account(*facts.counters, "source/" + name + "/"));
  text.Begin("sluice_events_received_total", kCounter, "Events that came. Those of the gateway itself have the source $sluice.");
  for (const auto& [name, count] : sources) {
    text.Add(count["unprotected"], {{"source", name}, {"qos", "0"}});
    text.Add(count["received"] - count["unprotected"] - count["qos2"], {{"source", name}, {"qos", "1"}});
    text.Add(count["qos2"], {{"source", name}, {"qos", "2"}});
  }
  text.Begin("sluice_events_unrouted_total", kCounter, "Events received that no route takes.");
  for (const auto& [name, count] : sources) text.Add(count["unrouted"], {{"source", name}});
  text.Begin("sluice_events_duplicate_total", kCounter, "Events received that are proved copies of earlier ones, and were dropped.");
  for (const auto& [name, count] : sources) text.Add(count["duplicate"], {{"source", name}});
  text.Begin("sluice_events_redelivered_total", kCounter, "Events received that the broker marked as sent before.");
  for (const auto& [name, count] : sources) text.Add(count["redelivered"], {{"source", name}});
  text.Begin("sluice_events_refused_total", kCounter, "Events received that were not let in.");
  for (const auto& [name, count] : sources) {
    for (const char* reason : {"too_large", "retained", "reserved_topic"})
      text.Add(count[std::string("refused/") + reason], {{"source", name}, {"reason", reason}});
  }
}

void AddSources(const std::vector<SourceStatus>& sources, MetricsText& text) {
  text.Begin("sluice_source_connected", kGauge, "1 while events of the source can come in.");
  for (const SourceStatus& source : sources) text.Add(source.connected ? 1 : 0, {{"source", source.name}});
  text.Begin("sluice_source_losses_total", kCounter, "What may have been lost before it came here, since the start.");
  for (const SourceStatus& source : sources) {
    for (const auto& [kind, times] : source.losses) text.Add(static_cast<double>(times), {{"source", source.name}, {"kind", kind}});
  }
}

struct Lane {
  const LaneState& state;
  Account count;
};

void AddLeft(const std::vector<Lane>& lanes, MetricsText& text) {
  text.Begin("sluice_events_delivered_total", kCounter, "Events that their sink has confirmed.");
  for (const auto& [lane, count] : lanes) text.Add(count["delivered"], {{"sink", lane.sink}, {"class", lane.lane_class}});
  text.Begin(
      "sluice_events_dropped_total", kCounter,
      "Events that left unsent: at the bound of the outbox (quota), waiting for too long (ttl), or because somebody said so (purged, "
      "moved to another lane).");
  for (const auto& [lane, count] : lanes) {
    for (const DropReason reason : kDropReasons) {
      const std::string name(NameOf(reason));
      text.Add(count["dropped/" + name], {{"sink", lane.sink}, {"class", lane.lane_class}, {"reason", name}});
    }
  }
  text.Begin("sluice_events_dead_lettered_total", kCounter,
             "Events set aside: refused by the sink, not fit for where their route sends them, or damaged on disk.");
  for (const auto& [lane, count] : lanes) {
    const double misfit = count["dead_letters_misfit"];
    const double damaged = count["dead_letters_damaged"];
    // A replay takes a letter out of the account; that it was one stays true.
    const double refused = count["dead_lettered"] + count["dead_letters_replayed"] - misfit - damaged;
    for (const auto& [reason, events] : {std::pair{"refused", refused}, {"misfit", misfit}, {"damaged", damaged}})
      text.Add(events, {{"sink", lane.sink}, {"class", lane.lane_class}, {"reason", reason}});
  }
}

void AddWaiting(const std::vector<Lane>& lanes, const MetricsFacts& facts, MetricsText& text) {
  text.Begin("sluice_lane_pending_events", kGauge, "Events that wait for their sink.");
  for (const auto& [lane, count] : lanes) text.Add(count["pending"], {{"sink", lane.sink}, {"class", lane.lane_class}});
  text.Begin("sluice_lane_pending_bytes", kGauge, "Their size.");
  for (const auto& [lane, count] : lanes) text.Add(count["pending_bytes"], {{"sink", lane.sink}, {"class", lane.lane_class}});
  text.Begin("sluice_lane_oldest_event_age_seconds", kGauge, "How long the oldest of them has waited; 0: none waits.");
  for (const auto& [lane, count] : lanes) {
    const auto oldest = facts.counters->oldest.find(lane.id);
    const bool waits = oldest != facts.counters->oldest.end();
    const double age = waits ? Seconds(facts.status.clock.wall) - Seconds(oldest->second) : 0;
    text.Add(std::max(0.0, age), {{"sink", lane.sink}, {"class", lane.lane_class}});
  }
}

void AddLanes(const MetricsFacts& facts, MetricsText& text) {
  std::vector<Lane> lanes;
  for (const LaneState& state : facts.status.lanes)
    lanes.push_back({state, Account(*facts.counters, "lane/" + std::to_string(state.id) + "/")});
  AddLeft(lanes, text);
  AddWaiting(lanes, facts, text);
}

struct SinkSum {
  bool up = true;
  Bytes sent = 0;
};

// A sink has a lane, and a connection, for each class.
void AddSinks(const StatusFacts& status, MetricsText& text) {
  std::map<std::string, SinkSum> sinks;
  for (const ForwarderStatus& forwarder : status.forwarders) {
    const auto is_its = [&](const LaneState& lane) { return lane.id == forwarder.lane; };
    const auto lane = std::find_if(status.lanes.begin(), status.lanes.end(), is_its);
    if (lane == status.lanes.end() || forwarder.state == "orphaned") continue;
    SinkSum& sink = sinks[lane->sink];
    sink.up &= !forwarder.in_trouble;
    sink.sent += forwarder.sent;
  }
  text.Begin("sluice_sink_up", kGauge, "0 while the sink is away or refuses what it is given; events wait meanwhile.");
  for (const auto& [name, sink] : sinks) text.Add(sink.up ? 1 : 0, {{"sink", name}});
  text.Begin("sluice_sink_sent_bytes_total", kCounter, "Given to the sink since the start, resends too, by size in the outbox.");
  for (const auto& [name, sink] : sinks) text.Add(static_cast<double>(sink.sent), {{"sink", name}});
}

void AddOutbox(const MetricsFacts& facts, MetricsText& text) {
  text.Begin("sluice_outbox_up", kGauge, "0 while the outbox cannot be written or does not answer; acknowledgements are held meanwhile.");
  text.Add(facts.outbox_answers && facts.status.outbox_trouble.empty() ? 1 : 0);
  text.Begin("sluice_outbox_limit_bytes", kGauge, "What outbox.max_bytes allows.");
  text.Add(static_cast<double>(facts.status.max_bytes));
  if (facts.counters) {
    const Account count(*facts.counters, "");
    text.Begin("sluice_outbox_size_bytes", kGauge, "Of its files.");
    text.Add(static_cast<double>(facts.counters->file_bytes));
    text.Begin("sluice_outbox_free_bytes", kGauge, "Left on its file system.");
    text.Add(static_cast<double>(facts.counters->free_bytes));
    text.Begin("sluice_outbox_commits_total", kCounter, "Transactions.");
    text.Add(count["commits"]);
    text.Begin("sluice_dead_letters_bytes", kGauge, "Of all events set aside that are still kept.");
    text.Add(count["dead_letters_bytes"]);
  }
  if (facts.process.written_bytes) {
    text.Begin("sluice_outbox_written_bytes_total", kCounter,
               "What the process has caused to be written to disk since its start, as the kernel counts it: the outbox, and sinks that are "
               "files.");
    text.Add(static_cast<double>(*facts.process.written_bytes));
  }
  text.Begin("sluice_outbox_commit_duration_seconds", MetricsText::Type::kHistogram, "Of a transaction, its fsync included.");
  text.Add(facts.commit_durations);
  text.Begin("sluice_ack_duration_seconds", MetricsText::Type::kHistogram,
             "From the receipt of an event of QoS 1 or 2 until it is durable and its acknowledgement leaves.");
  text.Add(facts.ack_durations);
}

void AddAlerts(const std::vector<RuleStatus>& rules, MetricsText& text) {
  text.Begin("sluice_alerts", kGauge, "Alerts of the local rules.");
  for (const RuleStatus& rule : rules) {
    text.Add(static_cast<double>(rule.pending), {{"rule", rule.alert}, {"state", "pending"}});
    text.Add(static_cast<double>(rule.firing), {{"rule", rule.alert}, {"state", "firing"}});
  }
}

// One user may have several; the first to end counts.
void AddCertificates(const std::vector<CertificateStatus>& certificates, MetricsText& text) {
  std::map<std::string, WallTime> first;
  for (const CertificateStatus& certificate : certificates) {
    if (!certificate.expires) continue;
    const auto [it, is_new] = first.try_emplace(certificate.used_by, *certificate.expires);
    if (!is_new) it->second = std::min(it->second, *certificate.expires);
  }
  text.Begin("sluice_certificate_expiry_timestamp_seconds", kGauge, "When our certificate for it ends.");
  for (const auto& [used_by, expires] : first) text.Add(Seconds(expires), {{"used_by", used_by}});
}

void AddStarts(const StoreCounters& counters, MetricsText& text) {
  std::map<std::string, double> starts = Account(counters, "").Below("starts");
  for (const char* reason : {"first", "restart", "crash", "reboot", "power_loss"}) starts.try_emplace(reason, 0);
  text.Begin("sluice_starts_total", kCounter, "Starts of the daemon, by what ended the run before.");
  for (const auto& [reason, times] : starts) text.Add(times, {{"reason", reason}});
}

// Names and meanings are those of Prometheus' own client libraries.
void AddProcess(const ProcessFacts& process, MetricsText& text) {
  const auto add = [&](const char* name, MetricsText::Type type, const char* help, const auto& value) {
    text.Begin(name, type, help);
    if (value) text.Add(static_cast<double>(*value));
  };
  add("process_cpu_seconds_total", kCounter, "CPU time, user and system.", process.cpu_seconds);
  add("process_resident_memory_bytes", kGauge, "Memory in RAM.", process.resident_bytes);
  add("process_virtual_memory_bytes", kGauge, "Address space.", process.virtual_bytes);
  add("process_open_fds", kGauge, "Open file descriptors.", process.open_fds);
  add("process_max_fds", kGauge, "How many there may be.", process.max_fds);
  add("process_start_time_seconds", kGauge, "When the process was started.", process.start_time);
}

}  // namespace

std::string MetricsOf(const MetricsFacts& facts) {
  MetricsText text;
  AddBuild(facts.status, text);
  AddSources(facts.status.sources, text);
  if (facts.counters) AddReceived(facts, text);
  if (facts.counters) AddLanes(facts, text);
  AddSinks(facts.status, text);
  AddOutbox(facts, text);
  AddAlerts(facts.status.rules, text);
  AddCertificates(facts.status.certificates, text);
  if (facts.counters) AddStarts(*facts.counters, text);
  AddProcess(facts.process, text);
  return text.text();
}

}  // namespace sluice
