#include "gateway/explain.h"

#include <vector>

#include "gateway/router.h"
#include "gateway/sink_rules.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

std::string Line(const std::string& what, const std::string& text) {
  return what + std::string(what.size() < 8 ? 8 - what.size() : 1, ' ') + text + "\n";
}

// The first source that subscribes decides the name in templates.
std::string ExplainSources(const Config& config, const std::string& topic, std::string& source) {
  std::string text;
  for (const MqttSourceConfig& candidate : config.sources) {
    for (const Subscription& subscription : candidate.subscribe) {
      Captures captures;
      Result<TopicFilter> filter = TopicFilter::Parse(subscription.filter);
      if (!filter || !filter->Matches(topic, captures)) continue;
      if (text.empty()) source = candidate.name;
      text += Line("source", candidate.name + " (subscribed by " + subscription.filter + ", QoS " + std::to_string(subscription.qos) + ")");
    }
  }
  return text.empty() ? Line("source", "none: no source subscribes to this topic") : text;
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
  std::string source = "?";
  std::string text = Line("topic", topic) + ExplainSources(config, topic, source);
  Event event;
  event.topic = topic;
  event.payload = payload.value_or("");
  std::vector<Routed> routed;
  router->Route(event, source, routed);
  for (const std::string& route : router->MatchingRoutes(topic, payload ? &*payload : nullptr)) text += Line("route", route);
  const std::vector<std::string> fields = router->FieldsFor(topic);
  if (!fields.empty() && !payload) text += Line("payload", "name a file with one: its fields are needed: " + ExplainFields(fields));
  for (const Routed& one : routed) {
    const std::string& lane_class = config.classes[router->lanes()[one.lane].lane_class].name;
    text += ExplainTarget(config, one, lane_class, topic, payload.has_value());
  }
  if (routed.empty()) text += Line("route", "none: the event is dropped, and counted as unrouted");
  return text;
}

}  // namespace sluice
