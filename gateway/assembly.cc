#include "gateway/assembly.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "drivers/mqtt_source.h"
#include "drivers/registry.h"
#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::size_t kInboxEvents = 4'096;
constexpr std::size_t kInboxBytes = 8u << 20;
constexpr std::size_t kCutBytes = 256u << 10;

Inbox::Limits InboxLimits(const Config& config) {
  std::size_t window = kInboxEvents;
  for (const MqttSourceConfig& source : config.sources) window = std::min<std::size_t>(window, source.receive_maximum);
  // Half the smallest receive window: while one half is being made durable the broker can send the other.
  return {kInboxEvents, kInboxBytes, std::max<std::size_t>(1, window / 2), kCutBytes};
}

std::int64_t CostClock() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

const SinkConfig* FindSink(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.sinks.begin(), config.sinks.end(), [&](const SinkConfig& sink) { return sink.name == name; });
  return found == config.sinks.end() ? nullptr : &*found;
}

}  // namespace

Result<std::vector<LaneName>> Assembly::LanesOf(const Config& config) {
  Result<Router> router = Router::Create(config);
  if (!router) return tl::unexpected<Error>(router.error());
  std::vector<LaneName> lanes;
  for (const RoutedLane& lane : router->lanes()) lanes.push_back({config.sinks[lane.sink].name, config.classes[lane.lane_class].name});
  return lanes;
}

Assembly::Assembly(const Config& config, const Surroundings& surroundings, const std::string& outbox_id)
    : config_(config), surroundings_(surroundings), identity_{config.gateway.id, outbox_id}, inbox_(InboxLimits(config), [this] {
        surroundings_.loop.Post([this] {
          if (gateway_) gateway_->OnInbox();
        });
      }) {}

Result<std::unique_ptr<Assembly>> Assembly::Prepare(const Config& config, const Surroundings& surroundings, const std::string& outbox_id) {
  std::unique_ptr<Assembly> assembly(new Assembly(config, surroundings, outbox_id));
  Result<Router> router = Router::Create(assembly->config_);
  if (!router) return tl::unexpected<Error>(router.error());
  assembly->router_ = std::move(*router);
  Result<std::unique_ptr<Rules>> rules = Rules::Create(assembly->config_, assembly->identity_, CostClock);
  if (!rules) return tl::unexpected<Error>(rules.error());
  assembly->rules_ = std::move(*rules);
  for (const RoutedLane& lane : assembly->router_->lanes()) {
    Result<std::unique_ptr<Sink>> sink = assembly->MakeSinkOf(config.sinks[lane.sink].name, config.classes[lane.lane_class].name);
    if (!sink) return tl::unexpected<Error>(sink.error());
    assembly->routed_.push_back(std::move(*sink));
  }
  return assembly;
}

// Null: it is not configured any more.
Result<std::unique_ptr<Sink>> Assembly::MakeSinkOf(const std::string& sink, const std::string& lane_class) {
  const SinkConfig* config = FindSink(config_, sink);
  if (config == nullptr) return nullptr;
  Result<std::unique_ptr<Sink>> made =
      MakeSink(*config, lane_class, {identity_, surroundings_.loop, surroundings_.gate, surroundings_.control});
  if (!made) return Fail(made.error().code, "sink " + sink + ": " + made.error().message);
  return made;
}

void Assembly::Complete(Store& store, std::function<StatusFacts()> status) {
  std::vector<LaneState> lanes = LanesWithRows(store.lanes());
  std::vector<std::unique_ptr<Sink>> sinks = TakeSinks(lanes);
  Gateway::Parts parts{surroundings_.loop,
                       surroundings_.wall_clock,
                       inbox_,
                       store,
                       store.last_seq(),
                       store.clock(),
                       std::move(lanes),
                       std::move(sinks),
                       MakeSources(),
                       std::move(rules_),
                       store.TakeRuleRecords(),
                       std::move(status),
                       &surroundings_.tap};
  gateway_ = std::make_unique<Gateway>(config_, std::move(*router_), std::move(parts));
}

// Those that routes lead to; then those that no route leads to any more but that hold rows.
std::vector<LaneState> Assembly::LanesWithRows(const std::vector<LaneState>& all) const {
  const auto routed = static_cast<std::ptrdiff_t>(routed_.size());
  std::vector<LaneState> lanes(all.begin(), all.begin() + routed);
  for (auto lane = all.begin() + routed; lane != all.end(); ++lane) {
    if (lane->pending_events == 0) continue;
    lanes.push_back(*lane);
    if (FindSink(config_, lane->sink) != nullptr) continue;
    Log(LogLevel::kWarning, "outbox", "events wait for a sink that is not configured any more; they are the first to be given up for room",
        {{"sink", lane->sink}, {"class", lane->lane_class}, {"events", std::to_string(lane->pending_events)}});
  }
  return lanes;
}

// A sink that cannot be made for old rows only is no reason to stand still: they wait, as for one that is not configured.
std::vector<std::unique_ptr<Sink>> Assembly::TakeSinks(const std::vector<LaneState>& lanes) {
  std::vector<std::unique_ptr<Sink>> sinks = std::move(routed_);
  while (sinks.size() < lanes.size()) {
    const LaneState& lane = lanes[sinks.size()];
    Result<std::unique_ptr<Sink>> sink = MakeSinkOf(lane.sink, lane.lane_class);
    if (!sink)
      Log(LogLevel::kError, "main", "what waits in a lane cannot be sent", {{"sink", lane.sink}, {"reason", sink.error().message}});
    sinks.push_back(sink ? std::move(*sink) : nullptr);
  }
  return sinks;
}

std::vector<std::unique_ptr<Source>> Assembly::MakeSources() {
  std::random_device seed;
  std::vector<std::unique_ptr<Source>> sources;
  for (const MqttSourceConfig& source : config_.sources) {
    sources.push_back(std::make_unique<MqttSource>(source, surroundings_.gate, surroundings_.control, surroundings_.subscriptions,
                                                   surroundings_.loop, inbox_, seed()));
  }
  return sources;
}

}  // namespace sluice
