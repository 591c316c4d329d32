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

struct Found {
  const MqttSourceConfig* source;
  const Subscription* subscription;
};

std::vector<Found> SubscribersTo(const std::string& topic, const Config& config) {
  std::vector<Found> subscribers;
  Captures captures;
  for (const MqttSourceConfig& source : config.sources) {
    for (const Subscription& subscription : source.subscribe) {
      const Result<TopicFilter> filter = TopicFilter::Parse(WithoutShare(subscription.filter));
      if (filter && filter->Matches(topic, captures)) subscribers.push_back({&source, &subscription});
    }
  }
  return subscribers;
}

Explanation::Subscriber SubscriberOf(const Found& found) {
  const PayloadFormat format = found.subscription->format;
  const bool is_json = format == PayloadFormat::kJson;
  return {found.source->name, found.subscription->filter, found.subscription->qos,
          is_json ? "" : std::string(kPayloadFormats[static_cast<std::size_t>(format)])};
}

std::vector<Explanation::Rule> RulesFor(const Config& config, const std::string& topic) {
  std::vector<Explanation::Rule> rules;
  for (const RuleConfig& rule : config.rules) {
    Captures captures;
    const bool looks = std::any_of(rule.match.begin(), rule.match.end(), [&](const std::string& match) {
      const Result<TopicFilter> filter = TopicFilter::Parse(match);
      return filter && filter->Matches(topic, captures);
    });
    if (looks) rules.push_back({rule.alert, rule.enabled});
  }
  return rules;
}

// What the route says, or else what the sink does without.
std::string DestinationOf(const SinkConfig& sink, const Routed& routed, const std::string& topic) {
  if (!routed.destination.empty()) return routed.destination;
  if (sink.type == SinkType::kKinesis) return sink.kinesis.stream;
  return sink.type == SinkType::kMqtt ? topic : "";
}

Explanation::Target TargetOf(const SinkConfig& sink, const Routed& routed, const std::string& lane_class, const std::string& topic,
                             bool has_payload) {
  Explanation::Target target;
  target.sink = sink.name;
  target.lane_class = lane_class;
  target.needs_payload = routed.is_field_lacking && !has_payload;
  if (!target.needs_payload) target.dead_letter = routed.misfit;
  if (target.needs_payload || !target.dead_letter.empty()) return target;
  target.destination_key = RulesOf(sink.type).destination_key;
  target.destination = DestinationOf(sink, routed, topic);
  target.key = routed.key ? *routed.key : topic;
  target.headers = routed.headers;
  target.bare = routed.bare;
  target.retain = routed.retain;
  return target;
}

std::string TextOf(const Explanation::Subscriber& subscriber) {
  std::string how = subscriber.filter + ", QoS " + std::to_string(subscriber.qos);
  if (!subscriber.format.empty()) how += ", " + subscriber.format;
  return Line("source", subscriber.source + " (subscribed by " + how + ")");
}

std::string TextOf(const Explanation::Target& target) {
  if (target.needs_payload) return Line("to", target.sink + ", as the payload says");
  if (!target.dead_letter.empty()) return Line("to", target.sink + ": a dead letter, " + target.dead_letter);
  std::string text = target.sink;
  if (!target.destination.empty()) text += ", " + target.destination_key + " " + target.destination;
  text += ", key " + target.key + ", class " + target.lane_class;
  if (target.bare) text += ", envelope none";
  if (target.retain) text += ", retained";
  std::string lines = Line("to", text);
  for (const Property& header : target.headers) lines += Line("", "header " + header.name + ": " + header.value);
  return lines;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<Explanation> Explain(const Config& config, const std::string& topic, const std::optional<std::string>& payload) {
  if (topic.empty()) return Fail(ErrorCode::kInvalid, "a topic is not empty");
  if (topic.find_first_of("+#") != std::string::npos)
    return Fail(ErrorCode::kInvalid, "`" + topic + "` is a filter, not a topic: it has a wildcard");
  Result<Router> router = Router::Create(config);
  if (!router) return tl::unexpected<Error>(router.error());
  const std::vector<Found> found = SubscribersTo(topic, config);
  // The first decides the name in templates, and how the payload is read.
  const std::string source = found.empty() ? "?" : found[0].source->name;
  Event event;
  if (!found.empty()) event.format = found[0].subscription->format;
  event.topic = topic;
  event.payload = payload.value_or("");
  std::vector<Routed> routed;
  router->Route(event, source, routed);
  Explanation explanation;
  explanation.topic = topic;
  for (const Found& one : found) explanation.subscribers.push_back(SubscriberOf(one));
  explanation.routes = router->MatchingRoutes(topic, payload ? &*payload : nullptr, event.format);
  explanation.fields = router->FieldsFor(topic);
  explanation.has_payload = payload.has_value();
  for (const Routed& one : routed) {
    const std::string& lane_class = config.classes[router->lanes()[one.lane].lane_class].name;
    explanation.targets.push_back(TargetOf(config.sinks[one.sink], one, lane_class, topic, payload.has_value()));
  }
  explanation.rules = RulesFor(config, topic);
  return explanation;
}

std::string ExplanationText(const Explanation& explanation) {
  std::string text = Line("topic", explanation.topic);
  for (const Explanation::Subscriber& subscriber : explanation.subscribers) text += TextOf(subscriber);
  if (explanation.subscribers.empty()) text += Line("source", "none: no source subscribes to this topic");
  for (const std::string& route : explanation.routes) text += Line("route", route);
  if (!explanation.fields.empty() && !explanation.has_payload)
    text += Line("payload", "name a file with one: its fields are needed: " + Joined(explanation.fields));
  for (const Explanation::Target& target : explanation.targets) text += TextOf(target);
  for (const Explanation::Rule& rule : explanation.rules) text += Line("rule", rule.alert + (rule.enabled ? "" : " (disabled)"));
  if (explanation.targets.empty()) text += Line("route", "none: the event is dropped, and counted as unrouted");
  return text;
}

}  // namespace sluice
