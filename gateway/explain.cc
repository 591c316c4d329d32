#include "gateway/explain.h"

#include <algorithm>
#include <vector>

#include "gateway/router.h"
#include "gateway/sink_rules.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

std::string Line(const std::string& what, const std::string& text) {
  return what + std::string(what.size() < 8 ? 8 - what.size() : 1, ' ') + text + "\n";
}

struct Subscriber {
  const MqttSourceConfig* source;
  const Subscription* subscription;
};

std::vector<Subscriber> SubscribersTo(const std::string& topic, const Config& config) {
  std::vector<Subscriber> subscribers;
  Captures captures;
  for (const MqttSourceConfig& source : config.sources) {
    for (const Subscription& subscription : source.subscribe) {
      const Result<TopicFilter> filter = TopicFilter::Parse(WithoutShare(subscription.filter));
      if (filter && filter->Matches(topic, captures)) subscribers.push_back({&source, &subscription});
    }
  }
  return subscribers;
}

std::string ExplainSources(const std::vector<Subscriber>& subscribers) {
  std::string text;
  for (const auto& [source, subscription] : subscribers) {
    std::string how = subscription->filter + ", QoS " + std::to_string(subscription->qos);
    if (subscription->format != PayloadFormat::kJson)
      how += ", " + std::string(kPayloadFormats[static_cast<std::size_t>(subscription->format)]);
    text += Line("source", source->name + " (subscribed by " + how + ")");
  }
  return text.empty() ? Line("source", "none: no source subscribes to this topic") : text;
}

std::string ExplainRules(const Config& config, const std::string& topic) {
  std::string text;
  for (const RuleConfig& rule : config.rules) {
    Captures captures;
    const bool looks = std::any_of(rule.match.begin(), rule.match.end(), [&](const std::string& match) {
      const Result<TopicFilter> filter = TopicFilter::Parse(match);
      return filter && filter->Matches(topic, captures);
    });
    if (looks) text += Line("rule", rule.alert + (rule.enabled ? "" : " (disabled)"));
  }
  return text;
}

std::string ExplainFields(const std::vector<std::string>& fields) {
  std::string text;
  for (const std::string& field : fields) text += (text.empty() ? "" : ", ") + field;
  return text;
}

// What the route says, or else what the sink does without.
std::string DestinationOf(const SinkConfig& sink, const Routed& routed, const std::string& topic) {
  if (!routed.destination.empty()) return routed.destination;
  if (sink.type == SinkType::kKinesis) return sink.kinesis.stream;
  return sink.type == SinkType::kMqtt ? topic : "";
}

std::string ExplainTarget(const Config& config, const Routed& routed, const std::string& lane_class, const std::string& topic,
                          bool has_payload) {
  const SinkConfig& sink = config.sinks[routed.sink];
  if (routed.is_field_lacking && !has_payload) return Line("to", sink.name + ", as the payload says");
  if (!routed.misfit.empty()) return Line("to", sink.name + ": a dead letter, " + routed.misfit);
  std::string text = sink.name;
  const std::string destination = DestinationOf(sink, routed, topic);
  if (!destination.empty()) text += ", " + std::string(RulesOf(sink.type).destination_key) + " " + destination;
  text += ", key " + (routed.key ? *routed.key : topic);
  text += ", class " + lane_class;
  if (routed.bare) text += ", envelope none";
  if (routed.retain) text += ", retained";
  std::string lines = Line("to", text);
  for (const Property& header : routed.headers) lines += Line("", "header " + header.name + ": " + header.value);
  return lines;
}

}  // namespace

Result<std::string> Explain(const Config& config, const std::string& topic, const std::optional<std::string>& payload) {
  if (topic.empty()) return Fail(ErrorCode::kInvalid, "a topic is not empty");
  if (topic.find_first_of("+#") != std::string::npos)
    return Fail(ErrorCode::kInvalid, "`" + topic + "` is a filter, not a topic: it has a wildcard");
  Result<Router> router = Router::Create(config);
  if (!router) return tl::unexpected<Error>(router.error());
  const std::vector<Subscriber> subscribers = SubscribersTo(topic, config);
  std::string text = Line("topic", topic) + ExplainSources(subscribers);
  // The first decides the name in templates, and how the payload is read.
  const std::string source = subscribers.empty() ? "?" : subscribers[0].source->name;
  Event event;
  if (!subscribers.empty()) event.format = subscribers[0].subscription->format;
  event.topic = topic;
  event.payload = payload.value_or("");
  std::vector<Routed> routed;
  router->Route(event, source, routed);
  for (const std::string& route : router->MatchingRoutes(topic, payload ? &*payload : nullptr, event.format)) text += Line("route", route);
  const std::vector<std::string> fields = router->FieldsFor(topic);
  if (!fields.empty() && !payload) text += Line("payload", "name a file with one: its fields are needed: " + ExplainFields(fields));
  for (const Routed& one : routed) {
    const std::string& lane_class = config.classes[router->lanes()[one.lane].lane_class].name;
    text += ExplainTarget(config, one, lane_class, topic, payload.has_value());
  }
  text += ExplainRules(config, topic);
  if (routed.empty()) text += Line("route", "none: the event is dropped, and counted as unrouted");
  return text;
}

}  // namespace sluice
