#include "gateway/router.h"

#include <algorithm>
#include <cstdint>

namespace sluice {
namespace {

// Numbers of the names that every route has; those of the wildcards follow.
enum Name : std::size_t { kTopic, kSource, kGatewayId, kFirstWildcard };

// Source: Apache Kafka, org.apache.kafka.common.internals.Topic.
bool IsLegalInKafkaTopic(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::optional<std::size_t> NumberOf(std::string_view name, const TopicFilter& filter) {
  if (name == "topic") return kTopic;
  if (name == "source") return kSource;
  if (name == "gateway.id") return kGatewayId;
  const auto& names = filter.names();
  auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return std::nullopt;
  return kFirstWildcard + static_cast<std::size_t>(it - names.begin());
}

}  // namespace

struct Router::Values {
  const Event& event;
  const std::string& source;
  const std::string& gateway_id;
  const Captures& captures;

  std::string_view Of(std::size_t name) const {
    switch (name) {
      case kTopic:
        return event.topic;
      case kSource:
        return source;
      case kGatewayId:
        return gateway_id;
      default:
        return captures.level[name - kFirstWildcard];
    }
  }
};

Result<Router> Router::Create(const Config& config) {
  Router router;
  router.gateway_id_ = config.gateway.id;
  for (const RouteConfig& route : config.routes) {
    const std::size_t first = router.entries_.size();
    for (const std::string& filter : route.match) {
      Result<Entry> entry = MakeEntry(config, route, filter);
      if (!entry) return Fail(ErrorCode::kInvalid, "route `" + route.name + "`: " + entry.error().message);
      router.entries_.push_back(std::move(*entry));
    }
    for (std::size_t i = first; i < router.entries_.size(); ++i)
      router.entries_[i].next = route.continue_after ? router.entries_.size() : SIZE_MAX;
  }
  if (!config.unrouted.empty()) {
    Result<Entry> entry = MakeEntry(config, {.name = "unrouted", .match = {}, .except = {}, .key = "", .to = config.unrouted}, "#");
    if (!entry) return tl::unexpected<Error>(entry.error());
    router.unrouted_ = std::move(*entry);
  }
  return router;
}

Result<Router::Entry> Router::MakeEntry(const Config& config, const RouteConfig& route, const std::string& filter) {
  Result<TopicFilter> parsed = TopicFilter::Parse(filter);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  Entry entry{std::move(*parsed), {}, route.name, std::nullopt, {}, 0};
  for (const std::string& text : route.except) {
    Result<TopicFilter> except = TopicFilter::Parse(text);
    if (!except) return Fail(ErrorCode::kInvalid, "except `" + text + "`: " + except.error().message);
    if (!except->names().empty()) return Fail(ErrorCode::kInvalid, "except `" + text + "`: write `+` here; nothing can refer to the name");
    entry.except.push_back(std::move(*except));
  }
  const auto resolve = [&](std::string_view name) { return NumberOf(name, entry.filter); };
  if (!route.key.empty() && route.key != "{topic}") {
    Result<Template> key = Template::Parse(route.key, resolve);
    if (!key) return Fail(ErrorCode::kInvalid, "key: " + key.error().message);
    entry.key = std::move(*key);
  }
  for (const RouteTarget& target : route.to) {
    auto sink = std::find_if(config.sinks.begin(), config.sinks.end(), [&](const SinkConfig& s) { return s.name == target.sink; });
    if (sink == config.sinks.end()) return Fail(ErrorCode::kInvalid, "there is no sink `" + target.sink + "`");
    Result<Template> destination = Template::Parse(target.destination, resolve);
    if (!destination) return Fail(ErrorCode::kInvalid, "to " + target.sink + ": " + destination.error().message);
    entry.targets.push_back(
        {static_cast<std::size_t>(sink - config.sinks.begin()), sink->type == SinkType::kKafka, std::move(*destination)});
  }
  return entry;
}

void Router::Route(const Event& event, const std::string& source, std::vector<Routed>& routed) const {
  Captures captures;
  for (std::size_t i = 0; i < entries_.size();) {
    const Entry& entry = entries_[i];
    if (!Takes(entry, event.topic, captures)) {
      ++i;
      continue;
    }
    Append(entry, Values{event, source, gateway_id_, captures}, routed);
    i = entry.next;
  }
  if (routed.empty() && unrouted_) Append(*unrouted_, Values{event, source, gateway_id_, captures}, routed);
}

std::vector<std::string> Router::MatchingRoutes(const std::string& topic) const {
  std::vector<std::string> names;
  Captures captures;
  for (std::size_t i = 0; i < entries_.size();) {
    const bool takes = Takes(entries_[i], topic, captures);
    if (takes) names.push_back(entries_[i].route);
    i = takes ? entries_[i].next : i + 1;
  }
  if (names.empty() && unrouted_) names.push_back(unrouted_->route);
  return names;
}

bool Router::Takes(const Entry& entry, const std::string& topic, Captures& captures) {
  if (!entry.filter.Matches(topic, captures)) return false;
  Captures ignored;
  return std::none_of(entry.except.begin(), entry.except.end(), [&](const TopicFilter& except) { return except.Matches(topic, ignored); });
}

void Router::Append(const Entry& entry, const Values& values, std::vector<Routed>& routed) const {
  const auto plain = [&](std::string& out, std::size_t name) { out += values.Of(name); };
  const auto kafka = [&](std::string& out, std::size_t name) {
    for (char c : values.Of(name)) out += IsLegalInKafkaTopic(c) ? c : '_';
  };
  for (const Target& target : entry.targets) {
    if (std::any_of(routed.begin(), routed.end(), [&](const Routed& r) { return r.sink == target.sink; })) continue;
    Routed& one = routed.emplace_back();
    one.sink = target.sink;
    if (target.is_kafka) {
      target.destination.Render(one.destination, kafka);
    } else {
      target.destination.Render(one.destination, plain);
    }
    if (entry.key) entry.key->Render(one.key.emplace(), plain);
  }
}

}  // namespace sluice
