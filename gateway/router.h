// The router: which lanes an event goes to, under which destination and key. A lane is one sink and one class.
//
// Routes are read in order; the first that matches, and whose condition is true, wins, unless it says "continue". A sink gets an event at
// most once: the first route that names it decides. An event that no route matches goes where `unrouted` says, or nowhere. An event that a
// route sends where it cannot go (no such destination, a payload without the field that a template wants) is still routed, with the reason.
//
// Names in templates: gateway/event_names.h. What a destination cannot have becomes `_` (gateway/sink_rules.h).
//
// Pure. Thread: one at a time; Route is const but for the buffers in which payloads are parsed.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/condition.h"
#include "gateway/event.h"
#include "gateway/event_condition.h"
#include "gateway/payload_fields.h"
#include "gateway/result.h"
#include "gateway/target_templates.h"
#include "gateway/topic.h"

namespace sluice {

/// A lane that some route leads to; indices in Config::sinks and Config::classes.
struct RoutedLane {
  std::size_t sink = 0;
  std::size_t lane_class = 0;
  bool operator==(const RoutedLane&) const = default;
};

class Router {
 public:
  static Result<Router> Create(const Config& config);

  /// Appends to `routed`.
  void Route(const Event& event, const std::string& source, std::vector<Routed>& routed) const;
  /// All lanes that routes lead to, those of a sink side by side, higher classes first.
  const std::vector<RoutedLane>& lanes() const { return lanes_; }
  /// Some route of the class `alert` has a filter for `topic`: such an event should not wait for others to be committed with.
  bool IsUrgent(const std::string& topic) const;
  /// Names of the routes that take `topic`, in order, with their conditions; for people. Without a payload (null) those whose conditions
  /// are not known are among them.
  std::vector<std::string> MatchingRoutes(const std::string& topic, const std::string* payload,
                                          PayloadFormat format = PayloadFormat::kJson) const;
  /// The fields of the payload that these look at.
  std::vector<std::string> FieldsFor(const std::string& topic) const;

 private:
  /// One filter of a route, with the route's templates bound to the filter's names.
  struct Entry {
    TopicFilter filter;
    std::vector<TopicFilter> except;
    std::string route;
    std::size_t lane_class;
    std::optional<Duration> ttl;
    std::vector<FieldPath> fields;         // Of the payload, that its templates name.
    std::unique_ptr<EventCondition> when;  // May be null.
    std::vector<TargetTemplates> targets;
    std::vector<std::size_t> lanes;  // One for each target.
    std::size_t next;                // The entry to go on with after a match: the next route's, or past the end.
  };
  Result<Entry> MakeEntry(const Config& config, const RouteConfig& route, const std::string& filter);
  Result<std::unique_ptr<EventCondition>> MakeCondition(const RouteConfig& route, const TopicFilter& filter);
  static Result<std::vector<TopicFilter>> ParseExceptions(const RouteConfig& route);
  static bool Takes(const Entry& entry, const std::string& topic, Captures& captures);
  template <typename Visit>
  void Walk(const std::string& topic, bool decided, const Visit& visit) const;
  std::vector<const Entry*> EntriesFor(const std::string& topic, const std::string* payload, PayloadFormat format) const;
  void Append(const Entry& entry, const Event& event, const std::string& source, const Captures& captures,
              std::vector<Routed>& routed) const;

  void NumberLanes();

  std::optional<ConditionEngine> conditions_;  // If some route has a condition; outlives them.
  std::vector<RoutedLane> lanes_;
  std::optional<std::size_t> urgent_class_;
  std::vector<Entry> entries_;
  std::optional<Entry> unrouted_;
  std::unique_ptr<PayloadFields> payload_;  // If some entry has fields.
};

}  // namespace sluice
