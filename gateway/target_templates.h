// One sink of a route: its templates, bound to the names of one filter, make of an event what the sink is to get.
//
// Pure. Const once made.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/event_names.h"
#include "gateway/result.h"
#include "gateway/template.h"

namespace sluice {

/// An event on its way to one sink.
struct Routed {
  std::size_t sink = 0;         ///< Index in Config::sinks.
  std::size_t lane = 0;         ///< Index in Router::lanes(); set by the router,
  std::optional<Duration> ttl;  ///< likewise: how long it may wait.
  std::string destination;
  std::optional<std::string> key;  ///< None: the topic is the key.
  std::vector<Property> headers;   ///< They take the place of the event's properties of the same names.
  bool bare = false;
  bool retain = false;
  bool is_templated = false;      ///< Other events may have another destination.
  std::string misfit;             ///< Why the event cannot go there; empty if it can.
  bool is_field_lacking = false;  ///< That is why: the payload lacks a field.
};

class TargetTemplates {
 public:
  /// kInvalid says what is wrong.
  static Result<TargetTemplates> Create(const Config& config, const RouteConfig& route, const RouteTarget& target, EventNames& names);

  std::size_t sink() const { return sink_; }
  /// Fills all of `routed` but the lane.
  void Render(const EventValues& values, Routed& routed) const;

 private:
  struct Header {
    std::string name;
    Template value;
  };
  TargetTemplates() = default;
  Result<void> ParseDestination(const std::string& text, EventNames& names);
  void RenderDestination(const EventValues& values, Routed& routed) const;

  std::size_t sink_ = 0;
  SinkType type_ = SinkType::kFile;
  Template destination_;
  std::optional<std::string> fixed_destination_;  // The same for all events.
  std::optional<Template> key_;
  std::vector<Header> headers_;
  bool bare_ = false;
  bool retain_ = false;
};

}  // namespace sluice
