// The router: which sinks an event goes to, under which destination and key.
//
// Routes are read in order; the first that matches wins, unless it says "continue". A sink gets an event at most once: the first route that
// names it decides. An event that no route matches goes where `unrouted` says, or nowhere.
//
// Names in templates: the named wildcards of all the route's filters, `topic`, `source`, `gateway.id`. What comes from the topic and cannot
// be part of a Kafka topic name becomes `_` in the destination of a Kafka sink.
//
// Pure. Thread: any, Route is const.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/result.h"
#include "gateway/template.h"
#include "gateway/topic.h"

namespace sluice {

struct Routed {
  std::size_t sink = 0;  ///< Index in Config::sinks.
  std::string destination;
  std::optional<std::string> key;  ///< None: the topic is the key.
};

class Router {
 public:
  static Result<Router> Create(const Config& config);

  /// Appends to `routed`.
  void Route(const Event& event, const std::string& source, std::vector<Routed>& routed) const;
  /// Names of the routes that take `topic`, in order; for people.
  std::vector<std::string> MatchingRoutes(const std::string& topic) const;

 private:
  struct Target {
    std::size_t sink;
    bool is_kafka;
    Template destination;
  };
  /// One filter of a route, with the route's templates bound to the filter's names.
  struct Entry {
    TopicFilter filter;
    std::vector<TopicFilter> except;
    std::string route;
    std::optional<Template> key;
    std::vector<Target> targets;
    std::size_t next;  // The entry to go on with after a match: the next route's, or past the end.
  };
  struct Values;
  static Result<Entry> MakeEntry(const Config& config, const RouteConfig& route, const std::string& filter);
  static bool Takes(const Entry& entry, const std::string& topic, Captures& captures);
  void Append(const Entry& entry, const Values& values, std::vector<Routed>& routed) const;

  std::string gateway_id_;
  std::vector<Entry> entries_;
  std::optional<Entry> unrouted_;
};

}  // namespace sluice
