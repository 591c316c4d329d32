// The whole chain on virtual time: inbox, committer, an outbox in memory, a forwarder and a fake sink for each lane. The uplinks answer
// once a round trip.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/committer.h"
#include "tests/fakes.h"

namespace sluice {

class Chain {
 public:
  static constexpr std::chrono::milliseconds kRoundTrip{50};

  struct Lane {
    std::string sink;
    std::string lane_class;
    std::unique_ptr<FakeSink> end;
    std::unique_ptr<Forwarder> forwarder;
  };

  /// `window`: of each sink.
  Chain(const Config& config, const UploadShare::Window& window)
      : config_(config),
        router_(*Router::Create(config)),
        inbox({.max_events = 100'000, .max_bytes = 1u << 28, .cut_events = 10'000, .cut_bytes = 1u << 26},
              [this] { clock.Post([this] { committer.OnInbox(); }); }),
        alert_desk(MakeDesk()),
        committer({.commit_every = std::chrono::milliseconds(100), .drop_bytes = 2'000},
                  {router_, destinations_, inbox, store, clock, wall_clock, running_clock_, alert_desk.get()}, {[] {}, [] {}}),
        connection_(inbox.OpenConnection(source_)) {
    inbox.SetUrgent([this](const Event& event) { return router_.IsUrgent(event.topic); });
    for (const SinkConfig& sink : config_.sinks) shares_.emplace_back(window, sink.limit);
    for (const RoutedLane& lane : router_.lanes()) AddLane(lane);
    std::vector<LaneSlot> slots;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const std::size_t place = router_.lanes()[i].lane_class;
      slots.push_back({static_cast<LaneId>(i + 1), place, config_.classes[place].on_full, 0, lanes_[i].forwarder.get()});
    }
    committer.SetLanes(std::move(slots));
    if (alert_desk) alert_desk->Start({}, wall_clock.reading);
    for (Lane& lane : lanes_) lane.forwarder->Start();
    committer.StartRules();
  }

  void Send(const std::string& topic, const std::string& payload) {
    Event event;
    event.topic = topic;
    event.payload = payload;
    event.received = wall_clock.reading.wall;
    event.since_boot = wall_clock.reading.boot.since_boot;
    inbox.Push(connection_, std::move(event));
  }
  void Publish(const std::string& topic, int count = 1, std::size_t payload = 100) {
    for (int i = 0; i < count; ++i) Send(topic, std::string(payload, 'x'));
  }
  /// All clocks go on; the sinks are silent.
  void Advance(std::chrono::milliseconds time) {
    for (; time.count() > 0; time -= std::chrono::milliseconds(10)) {
      wall_clock.reading.wall += std::chrono::milliseconds(10);
      wall_clock.reading.boot.since_boot += std::chrono::milliseconds(10);
      clock.Advance(std::chrono::milliseconds(10));
    }
  }
  /// The same while the uplink of `sink` delivers what it is given.
  void Deliver(const std::string& sink, std::chrono::milliseconds time) {
    for (; time.count() > 0; time -= kRoundTrip) {
      Advance(kRoundTrip);
      for (Lane& lane : lanes_) {
        if (lane.sink == sink && !lane.end->in_flight.empty()) lane.end->TellAll(Verdict::kDelivered);
      }
      clock.RunTasks();
    }
  }

  FakeSink& Sink(const std::string& sink, const std::string& lane_class) { return *Find(sink, lane_class).end; }
  LaneId Id(const std::string& sink, const std::string& lane_class) {
    return static_cast<LaneId>(&Find(sink, lane_class) - lanes_.data()) + 1;
  }
  std::map<Seq, Row>& Rows(const std::string& sink, const std::string& lane_class) { return store.lanes[Id(sink, lane_class)]; }
  std::uint64_t Done() const { return inbox.DoneCount(connection_); }

  FakeClock clock;
  FakeWallClock wall_clock;
  FakeStore store{clock};

 private:
  std::unique_ptr<AlertDesk> MakeDesk() const {
    if (config_.rules.empty()) return nullptr;
    return std::make_unique<AlertDesk>(std::move(*Rules::Create(config_, {"gw", "box"})), AliveClock({}, wall_clock.reading),
                                       [] { return std::vector<bool>(); });
  }
  void AddLane(const RoutedLane& routed) {
    const SinkConfig& sink = config_.sinks[routed.sink];
    const ClassConfig& lane_class = config_.classes[routed.lane_class];
    Lane& lane = lanes_.emplace_back(Lane{sink.name, lane_class.name, std::make_unique<FakeSink>(clock), nullptr});
    const LaneState state{static_cast<LaneId>(lanes_.size()), sink.name, lane_class.name, 0, 0, 0};
    lane.forwarder = std::make_unique<Forwarder>(
        state, Forwarder::Options{sink.name, lane_class.name, lane_class.weight, lane_class.on_full, sink.retry_min, sink.retry_max, 1},
        lane.end.get(),
        Forwarder::Surroundings{store, clock, wall_clock, shares_[routed.sink],
                                [this] { return running_clock_.Advance(wall_clock.reading); }},
        [this] { committer.OnSettled(); });
  }
  Lane& Find(const std::string& sink, const std::string& lane_class) {
    return *std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& l) { return l.sink == sink && l.lane_class == lane_class; });
  }

  const Config config_;
  const Router router_;
  Destinations destinations_{{100, 100}};
  RunningClock running_clock_{{}, wall_clock.reading};
  std::vector<UploadShare> shares_;
  std::vector<Lane> lanes_;
  const std::string source_ = "local";

 public:
  Inbox inbox;
  const std::unique_ptr<AlertDesk> alert_desk;  ///< Null if the configuration has no rules.
  Committer committer;

 private:
  const ConnectionId connection_;
};

/// Sinks `cloud` and `disk`. A topic `<sink>/<class>/...` leads to that lane, `both/<class>/...` to that of each sink, `$sluice/#` to the
/// lane `cloud`, `alert`.
inline Config MakeChainConfig() {
  Config config;
  config.gateway.id = "gw";
  config.sinks.resize(2);
  config.sinks[0].name = "cloud";
  config.sinks[1].name = "disk";
  const std::pair<const char*, std::vector<RouteTarget>> targets[] = {
      {"cloud", {{"cloud", "t"}}}, {"disk", {{"disk", "t"}}}, {"both", {{"cloud", "t"}, {"disk", "t"}}}};
  for (const ClassConfig& lane_class : config.classes) {
    for (const auto& [first, to] : targets) {
      RouteConfig& route = config.routes.emplace_back();
      route.name = first + lane_class.name;
      route.match = {std::string(first) + "/" + lane_class.name + "/#"};
      route.to = to;
      route.lane_class = lane_class.name;
    }
  }
  RouteConfig& own = config.routes.emplace_back();
  own.name = "own";
  own.match = {"$sluice/#"};
  own.to = {{"cloud", "own"}};
  own.lane_class = "alert";
  return config;
}

}  // namespace sluice
