#include "gateway/gateway.h"

#include <algorithm>
#include <random>
#include <utility>

#include "gateway/log.h"
#include "gateway/own_event.h"

namespace sluice {
namespace {

constexpr std::chrono::minutes kExpireEvery{10};

std::vector<std::size_t> MaxDestinations(const Config& config) {
  std::vector<std::size_t> max;
  for (const SinkConfig& sink : config.sinks) max.push_back(sink.max_destinations);
  return max;
}

constexpr Bytes kBatchBytes = 4u << 20;

struct Class {
  std::size_t place;
  ClassConfig config;
};

// A class that is not configured any more: its rows go last, and are the first to be given up.
Class ClassOf(const Config& config, const std::string& name) {
  for (std::size_t i = 0; i < config.classes.size(); ++i) {
    if (config.classes[i].name == name) return {i, config.classes[i]};
  }
  const auto lightest = std::min_element(config.classes.begin(), config.classes.end(),
                                         [](const ClassConfig& a, const ClassConfig& b) { return a.weight < b.weight; });
  return {config.classes.size(), {name, OnFull::kDropOldest, lightest->weight, {}}};
}

// Rows that nobody can deliver are given up before any others, those of kept classes last among them.
Class WithoutSink(const Config& config, Class known) {
  known.place += config.classes.size() + 1;
  known.config.on_full = OnFull::kDropOldest;
  return known;
}

// Behind the last if it is not configured any more.
std::size_t PlaceOfSink(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.sinks.begin(), config.sinks.end(), [&](const SinkConfig& sink) { return sink.name == name; });
  return static_cast<std::size_t>(found - config.sinks.begin());
}

}  // namespace

Gateway::Gateway(const Config& config, Router router, Parts parts)
    : clock_(parts.clock),
      wall_clock_(parts.wall_clock),
      store_(parts.store),
      router_(std::move(router)),
      destinations_(MaxDestinations(config)),
      running_clock_(parts.clock_kept, parts.wall_clock.Read()),
      sinks_(std::move(parts.sinks)),
      sources_(std::move(parts.sources)),
      rule_records_(std::move(parts.rule_records)),
      alert_desk_(MakeAlertDesk(std::move(parts.rules), parts.clock_kept)),
      committer_(
          CommitterOptions(config, parts.last_seq),
          {router_, destinations_, parts.inbox, parts.store, parts.clock, parts.wall_clock, running_clock_, alert_desk_.get(), parts.tap},
          {.on_cut =
               [this] {
                 for (auto& source : sources_) source->OnCut();
               },
           .on_durable =
               [this] {
                 for (auto& source : sources_) source->OnDurable();
               }}),
      expiry_timer_(clock_.NewTimer([this] { ExpireLetters(); })),
      gap_lanes_(LanesOf(kGapsTopic)),
      status_lanes_(LanesOf(kStatusTopic)),
      gap_reporter_({store_, clock_, wall_clock_, committer_}, [this] { return AreUp(gap_lanes_); }),
      status_reporter_({store_, clock_, wall_clock_, committer_}, {!status_lanes_.empty(), config.gateway.report_every},
                       std::move(parts.status), [this] { return AreUp(status_lanes_); }) {
  parts.inbox.SetUrgent([this](const Event& event) { return router_.IsUrgent(event.topic); });
  MakeForwarders(config, parts.lanes);
}

// What is kept of rules that are gone has to go, too.
std::unique_ptr<AlertDesk> Gateway::MakeAlertDesk(std::unique_ptr<Rules> rules, const ClockKept& kept) const {
  if (!rules || (rules->IsEmpty() && rule_records_.empty())) return nullptr;
  return std::make_unique<AlertDesk>(std::move(rules), AliveClock(kept, wall_clock_.Read()), [this] {
    std::vector<bool> connected;
    for (const auto& source : sources_) connected.push_back(source->IsConnected());
    return connected;
  });
}

std::vector<std::size_t> Gateway::LanesOf(std::string_view own_topic) const {
  std::vector<Routed> routed;
  router_.Route(MakeOwnEvent(own_topic, "", {}), kOwnSource, routed);
  std::vector<std::size_t> lanes;
  for (const Routed& way : routed) lanes.push_back(way.lane);
  return lanes;
}

bool Gateway::AreUp(const std::vector<std::size_t>& lanes) const {
  return std::all_of(lanes.begin(), lanes.end(), [&](std::size_t lane) { return forwarders_[lane]->IsUp(); });
}

Committer::Options Gateway::CommitterOptions(const Config& config, Seq last_seq) const {
  // An event may become a row in a lane of each sink, and a transaction has its bound on disk.
  const Bytes sinks = std::max<Bytes>(1, config.sinks.size());
  return {config.outbox.commit_every, last_seq, std::min(kBatchBytes, config.outbox.max_bytes / 16) / sinks,
          std::min(kBatchBytes, config.outbox.max_bytes / 64)};
}

// Read at most ten times a second: it is asked for each row that has a time to live.
RunningTime Gateway::Running() {
  if (running_.count() == 0 || clock_.Now() - running_read_ > std::chrono::milliseconds(100)) {
    running_read_ = clock_.Now();
    running_ = running_clock_.Advance(wall_clock_.Read());
  }
  return running_;
}

void Gateway::MakeForwarders(const Config& config, const std::vector<LaneState>& lanes) {
  const UploadShare::Window window{UploadShare::kLargest.events,
                                   std::min<std::size_t>(UploadShare::kLargest.bytes, config.outbox.max_bytes / 32)};
  for (const SinkConfig& sink : config.sinks) shares_.emplace_back(window, sink.limit);
  shares_.emplace_back(window, UploadLimit{});
  std::vector<LaneSlot> slots;
  for (std::size_t i = 0; i < lanes.size(); ++i) slots.push_back(MakeForwarder(config, lanes[i], sinks_[i].get()));
  committer_.SetLanes(std::move(slots));
}

LaneSlot Gateway::MakeForwarder(const Config& config, const LaneState& lane, Sink* sink) {
  const std::size_t place = PlaceOfSink(config, lane.sink);
  const SinkConfig& settings = sink != nullptr ? config.sinks[place] : SinkConfig{};
  const Class of_rows = ClassOf(config, lane.lane_class);
  const Class known = sink != nullptr ? of_rows : WithoutSink(config, of_rows);
  const Forwarder::Options options{lane.sink,          lane.lane_class,    known.config.weight,   known.config.on_full,
                                   settings.retry_min, settings.retry_max, std::random_device()()};
  const Forwarder::Surroundings surroundings{
      store_, clock_, wall_clock_, shares_[place], [this] { return Running(); }, [this] { status_reporter_.OnRecovered(); }};
  forwarders_.push_back(std::make_unique<Forwarder>(lane, options, sink, surroundings, [this] { committer_.OnSettled(); }));
  if (lane.pending_events > 0) {
    Log(LogLevel::kInfo, "gateway", "backlog found",
        {{"sink", lane.sink},
         {"class", lane.lane_class},
         {"events", std::to_string(lane.pending_events)},
         {"bytes", std::to_string(lane.pending_bytes)}});
  }
  const std::optional<std::size_t> place_of_sink = sink != nullptr ? std::optional(place) : std::nullopt;
  return {lane.id, known.place, known.config.on_full, lane.last_seq, forwarders_.back().get(), place_of_sink};
}

void Gateway::Start(Occasion occasion) {
  if (alert_desk_) alert_desk_->Start(std::exchange(rule_records_, {}), wall_clock_.Read());
  for (auto& forwarder : forwarders_) forwarder->Start();
  committer_.StartRules();
  for (auto& source : sources_) source->Start();
  gap_reporter_.Start();
  status_reporter_.Start(occasion == Occasion::kReload ? "reload" : "start");
  ExpireLetters();
}

// A page at a time, so that commits come in between; a store that fails is asked again when it is due.
void Gateway::ExpireLetters() {
  store_.ExpireLetters(std::chrono::system_clock::now(), [this](const Result<bool>& more) {
    if (stopped_) return;
    more&&* more ? ExpireLetters() : expiry_timer_->Start(kExpireEvery);
  });
}

std::vector<SourceStatus> Gateway::Sources() const {
  std::vector<SourceStatus> all;
  for (const auto& source : sources_) all.push_back(source->Status());
  return all;
}

std::vector<ForwarderStatus> Gateway::Forwarders() const {
  std::vector<ForwarderStatus> all;
  for (const auto& forwarder : forwarders_) all.push_back(forwarder->Status());
  return all;
}

std::vector<RuleStatus> Gateway::RuleStatuses() const {
  return alert_desk_ ? alert_desk_->Status() : std::vector<RuleStatus>();
}

std::vector<PartWork> Gateway::Work() const {
  std::vector<PartWork> parts = {committer_.Work()};
  for (const auto& forwarder : forwarders_) parts.push_back(forwarder->Work());
  return parts;
}

bool Gateway::IsInTrouble() const {
  return std::any_of(sources_.begin(), sources_.end(), [](const auto& source) { return !source->IsConnected(); }) ||
         std::any_of(forwarders_.begin(), forwarders_.end(), [](const auto& forwarder) { return forwarder->IsAway(); });
}

void Gateway::Stop(Occasion occasion, std::chrono::milliseconds limit, std::function<void(bool)> stopped) {
  stop_occasion_ = occasion;
  stop_limit_ = limit;
  stopped_ = std::move(stopped);
  expiry_timer_->Stop();
  awaited_ = sources_.size();
  gap_reporter_.Stop();
  for (auto& source : sources_) source->Quiesce([this] { OnQuiet(); });
}

void Gateway::OnQuiet() {
  if (--awaited_ > 0) return;
  const char* report = stop_occasion_ == Occasion::kReload ? nullptr : "stop";
  status_reporter_.Stop(report, [this] {
    if (alert_desk_) alert_desk_->Stop();
    committer_.Flush([this](bool clean) { OnInboxFlushed(clean); });
  });
}

void Gateway::OnInboxFlushed(bool clean) {
  clean_ &= clean;
  awaited_ = sources_.size() + forwarders_.size();
  for (auto& source : sources_) source->Close([this] { OnClosed(); });
  for (auto& forwarder : forwarders_) {
    const bool is_hopeless = stop_occasion_ == Occasion::kReload && forwarder->IsAway();
    forwarder->Close(is_hopeless ? std::chrono::milliseconds(0) : stop_limit_, [this] { OnClosed(); });
  }
}

void Gateway::OnClosed() {
  if (--awaited_ > 0) return;
  committer_.Flush([this](bool clean) { OnSettlingFlushed(clean); });
}

void Gateway::OnSettlingFlushed(bool clean) {
  clean_ &= clean;
  committer_.Stop();
  stopped_(clean_);
}

}  // namespace sluice
