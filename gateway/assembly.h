// What one configuration is made into: router, rules, sources, sinks and the gateway of them. A reload makes another and puts it in the
// place of this one, as a whole; loop, outbox and sockets stay.
//
// Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "drivers/ack_gate.h"
#include "drivers/mqtt_control.h"
#include "drivers/mqtt_subscriptions.h"
#include "gateway/event_tap.h"
#include "gateway/gateway.h"
#include "gateway/inbox.h"
#include "gateway/loop.h"
#include "gateway/rules.h"
#include "store/store.h"

namespace sluice {

class Assembly {
 public:
  /// What all assemblies of a process share; outlives them.
  struct Surroundings {
    Loop& loop;
    const WallClock& wall_clock;
    AckGate& gate;
    MqttControl& control;
    MqttSubscriptions& subscriptions;
    EventTap& tap;
  };

  /// The lanes that the routes of `config` lead to, in the router's order: an outbox is opened with them. kInvalid: see Router::Create.
  static Result<std::vector<LaneName>> LanesOf(const Config& config);

  /// Makes all that a configuration can fail at, and touches nothing that runs. kInvalid: a part does not take its settings.
  static Result<std::unique_ptr<Assembly>> Prepare(const Config& config, const Surroundings& surroundings, const std::string& outbox_id);

  /// The rest, on an outbox that has just been opened with LanesOf. Once. `store` outlives the assembly; `status` as in Gateway::Parts.
  void Complete(Store& store, std::function<StatusFacts()> status);

  const Config& config() const { return config_; }
  const Identity& identity() const { return identity_; }
  /// REQUIRES: completed.
  Gateway& gateway() { return *gateway_; }

 private:
  Assembly(const Config& config, const Surroundings& surroundings, const std::string& outbox_id);
  Result<std::unique_ptr<Sink>> MakeSinkOf(const std::string& sink, const std::string& lane_class);
  std::vector<LaneState> LanesWithRows(const std::vector<LaneState>& all) const;
  std::vector<std::unique_ptr<Sink>> TakeSinks(const std::vector<LaneState>& lanes);
  std::vector<std::unique_ptr<Source>> MakeSources();

  const Config config_;
  const Surroundings surroundings_;
  const Identity identity_;
  Inbox inbox_;
  std::optional<Router> router_;               // Until the gateway has it,
  std::unique_ptr<Rules> rules_;               // likewise,
  std::vector<std::unique_ptr<Sink>> routed_;  // likewise: one for each lane of the router.
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace sluice
