#include "gateway/explain.h"

#include <vector>

#include "gateway/router.h"
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

std::string ExplainTarget(const Config& config, const Routed& routed, const std::string& topic) {
  const SinkConfig& sink = config.sinks[routed.sink];
  std::string text = sink.name;
  const bool own_topic = sink.type == SinkType::kMqtt && routed.destination.empty();
  if (sink.type == SinkType::kKinesis) {
    text += ", stream " + (routed.destination.empty() ? sink.kinesis.stream : routed.destination);
  } else if (own_topic || !routed.destination.empty()) {
    text += ", topic " + (own_topic ? topic : routed.destination);
  }
  return Line("to", text + ", key " + (routed.key ? *routed.key : topic));
}

}  // namespace

Result<std::string> Explain(const Config& config, const std::string& topic) {
  if (topic.empty()) return Fail(ErrorCode::kInvalid, "a topic is not empty");
  if (topic.find_first_of("+#") != std::string::npos)
    return Fail(ErrorCode::kInvalid, "`" + topic + "` is a filter, not a topic: it has a wildcard");
  Result<Router> router = Router::Create(config);
  if (!router) return tl::unexpected<Error>(router.error());
  std::string source = "?";
  std::string text = Line("topic", topic) + ExplainSources(config, topic, source);
  Event event;
  event.topic = topic;
  std::vector<Routed> routed;
  router->Route(event, source, routed);
  for (const std::string& route : router->MatchingRoutes(topic)) text += Line("route", route);
  for (const Routed& one : routed) text += ExplainTarget(config, one, topic);
  if (routed.empty()) text += Line("route", "none: the event is dropped, and counted as unrouted");
  return text;
}

}  // namespace sluice
