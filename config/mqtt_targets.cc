#include "config/mqtt_targets.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include "config/references.h"
#include "gateway/event_names.h"
#include "gateway/sink_rules.h"
#include "gateway/template.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

// What a name of a template may stand for.
enum Extent : std::size_t { kOneLevel, kSomeLevels };

// Cannot be in a topic of ours otherwise.
constexpr char kLevelMark = '\1';
constexpr char kLevelsMark = '\2';

bool IsSameBroker(const MqttBrokerConfig& a, const MqttBrokerConfig& b) {
  const auto canonical = [](std::string host) {
    std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return host == "localhost" || host == "::1" ? std::string("127.0.0.1") : host;
  };
  return a.port == b.port && canonical(a.host) == canonical(b.host);
}

bool IsOwnTopic(const std::string& destination) {
  return destination.empty() || destination == "{topic}";
}

// The text of the template with marks for its names; nothing if it is no template, which is told elsewhere.
std::optional<std::string> MarkNames(const std::string& destination, const Config& config, const TopicFilter& match) {
  EventNames names(config.gateway, match);
  const auto extent_of = [&](std::string_view name) -> std::optional<Template::Name> {
    const std::optional<Template::Name> meaning = names.Resolve(name);
    if (!meaning || std::holds_alternative<std::string>(*meaning)) return meaning;
    return name == "topic" || name.starts_with("payload.") ? kSomeLevels : kOneLevel;
  };
  const Result<Template> parsed = Template::Parse(destination, extent_of);
  if (!parsed) return std::nullopt;
  std::string text;
  parsed->Render(text, [](std::string& out, std::size_t extent) { out += extent == kOneLevel ? kLevelMark : kLevelsMark; });
  (void)FitDestination(SinkType::kMqtt, text);
  return text;
}

// Which topics the destination may come to.
std::string FilterOf(const std::string& marked) {
  std::string filter;
  for (std::size_t start = 0; start <= marked.size();) {
    const std::size_t end = std::min(marked.find('/', start), marked.size());
    const std::string level = marked.substr(start, end - start);
    if (start > 0) filter += '/';
    if (level.find(kLevelsMark) != std::string::npos) return filter + "#";
    filter += level.find(kLevelMark) != std::string::npos ? "+" : level;
    start = end + 1;
  }
  return filter;
}

void FindEchoes(const Config& config, const SinkConfig& sink, const TopicFilter& published, bool own_topic,
                std::vector<TargetFinding>& findings) {
  for (const MqttSourceConfig& source : config.sources) {
    if (!IsSameBroker(sink.mqtt, source)) continue;
    for (const Subscription& subscription : source.subscribe) {
      const Result<TopicFilter> subscribed = TopicFilter::Parse(subscription.filter);
      if (!subscribed || !subscribed->Overlaps(published)) continue;
      const bool is_certain = own_topic || subscribed->Covers(published);
      findings.push_back({is_certain, std::string(is_certain ? "what" : "some of what") + " is sent to `" + sink.name + "` " +
                                          (is_certain ? "comes" : "may come") + " back: source `" + source.name + "` subscribes to `" +
                                          subscription.filter + "` at the same broker; publish under topics that no source subscribes to"});
    }
  }
}

void CheckTarget(const Config& config, const SinkConfig& sink, const std::string& destination, const TopicFilter& match,
                 std::vector<TargetFinding>& findings) {
  const bool own_topic = IsOwnTopic(destination);
  const std::optional<std::string> marked = own_topic ? match.Plain() : MarkNames(destination, config, match);
  if (!marked) return;
  const Result<TopicFilter> published = TopicFilter::Parse(own_topic ? *marked : FilterOf(*marked));
  if (published) FindEchoes(config, sink, *published, own_topic, findings);
}

}  // namespace

std::vector<TargetFinding> CheckMqttTargets(const Config& config, const std::vector<std::string>& match,
                                            const std::vector<RouteTarget>& to) {
  std::vector<TargetFinding> findings;
  for (const RouteTarget& target : to) {
    const auto sink = std::find_if(config.sinks.begin(), config.sinks.end(), [&](const SinkConfig& s) { return s.name == target.sink; });
    if (sink == config.sinks.end() || sink->type != SinkType::kMqtt || HasReference(target.destination)) continue;
    for (const std::string& text : match) {
      const Result<TopicFilter> filter = TopicFilter::Parse(text);
      if (filter) CheckTarget(config, *sink, target.destination, *filter, findings);
    }
  }
  return findings;
}

}  // namespace sluice
