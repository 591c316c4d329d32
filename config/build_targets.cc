#include "config/build_targets.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "config/references.h"
#include "gateway/cloud_event.h"
#include "gateway/sink_rules.h"
#include "gateway/suggestion.h"
#include "gateway/template.h"

namespace sluice {
namespace {

using Headers = std::map<std::string, std::string>;

constexpr std::size_t kMaxHeaderName = 128;

const SinkConfig* FindSink(const Config& config, const std::string& name) {
  auto sink = std::find_if(config.sinks.begin(), config.sinks.end(), [&](const SinkConfig& s) { return s.name == name; });
  return sink == config.sinks.end() ? nullptr : &*sink;
}

std::vector<std::string> SinkNames(const Config& config) {
  std::vector<std::string> names;
  for (const SinkConfig& sink : config.sinks) names.push_back(sink.name);
  return names;
}

bool IsLegalInHeaderName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

// Empty if it is one.
std::string WhyNoHeaderName(const std::string& name) {
  if (name.empty() || name.size() > kMaxHeaderName || !std::all_of(name.begin(), name.end(), IsLegalInHeaderName)) {
    return "a header's name has 1 to " + std::to_string(kMaxHeaderName) + " letters, digits, `_`, `-` and `.`";
  }
  if (name.starts_with("ce_") || name == "content-type") return "`" + name + "` belongs to the envelope: choose another name";
  return "";
}

void ReadHeaders(ObjectReader& reader, Headers& headers) {
  reader.StringsByName("headers", headers);
  reader.Each("headers", [&](const JsonMember& member, const std::string& pointer) {
    const std::string why = WhyNoHeaderName(member.key);
    if (!why.empty()) reader.findings().mistakes.push_back({member.place, pointer, why, {}});
  });
}

Envelope ReadEnvelope(ObjectReader& reader) {
  std::size_t envelope = 0;
  reader.Word("envelope", {"cloudevents", "none"}, envelope);
  return static_cast<Envelope>(envelope);
}

// What stands outside of the braces is the operator's own: better told than replaced.
bool HasIllegalText(SinkType type, const std::string& destination) {
  const Result<Template> parsed = Template::Parse(destination, [](std::string_view) { return Template::Name(""); });
  if (!parsed) return false;  // Told elsewhere.
  std::string literal;
  parsed->Render(literal, [](std::string&, std::size_t) {});
  std::string fitted = literal;
  (void)FitDestination(type, fitted);
  return fitted != literal;
}

void ReadDestination(ObjectReader& reader, const SinkConfig& sink, RouteTarget& target) {
  const SinkRules& rules = RulesOf(sink.type);
  for (const char* key : {"topic", "stream"}) {
    std::string text;
    reader.String(key, text);
    if (text.empty()) continue;
    if (std::string_view(key) != rules.destination_key) {
      reader.Complain(key, std::string(rules.kind) + " has no `" + key + "`; write `" + rules.destination_key + "`");
    } else if (!HasReference(text) && HasIllegalText(sink.type, text)) {
      reader.Complain(key, "`" + text + "` has characters that " + rules.kind + " cannot have in a " + key);
    }
    target.destination = std::move(text);
  }
}

std::string NoHeaders(const SinkConfig& sink) {
  return std::string(RulesOf(sink.type).kind) + (sink.type == SinkType::kMqtt ? " of protocol 3.1.1" : "") + " has no headers";
}

// An MQTT message has its attributes among the user properties. Empty if no header has the name of one.
std::string AttributeAmong(const SinkConfig& sink, const Headers& own, const Headers& of_route) {
  if (sink.type != SinkType::kMqtt) return "";
  for (const Headers* headers : {&own, &of_route}) {
    for (const auto& [name, ignored] : *headers) {
      if (IsAttributeName(name)) return name;
    }
  }
  return "";
}

void ReadTarget(ObjectReader& reader, const SinkConfig& sink, RouteTarget& target) {
  const SinkRules& rules = RulesOf(sink.type);
  ReadDestination(reader, sink, target);
  if (std::string key; reader.Find("key") != nullptr) {
    reader.String("key", key);
    target.key = std::move(key);
  }
  ReadHeaders(reader, target.headers);
  if (reader.Find("envelope") != nullptr) target.envelope = ReadEnvelope(reader);
  reader.Bool("retain", target.retain);
  if (!target.headers.empty() && !TakesHeaders(sink)) reader.Complain("headers", NoHeaders(sink));
  if (target.retain && !rules.takes_retain) reader.Complain("retain", std::string(rules.kind) + " retains no messages; an MQTT sink does");
}

}  // namespace

void ReadTargets(ObjectReader& route, const char* key, const Config& config, std::vector<RouteTarget>& targets) {
  const JsonMember* to = route.Find(key);
  if (to == nullptr) return;
  const auto add = [&](const std::string& name, const Place& place, const std::string& pointer) {
    targets.push_back({name, ""});
    const SinkConfig* sink = FindSink(config, name);
    if (sink == nullptr) {
      const std::string hint = Suggestion(name, SinkNames(config));
      route.findings().mistakes.push_back({place, pointer, "there is no sink `" + name + "`." + hint, {}});
    }
    return sink;
  };
  if (to->value.kind == JsonNode::Kind::kString) {
    add(to->value.text, to->value.place, route.PointerOf(key));
    return;
  }
  route.Each(key, [&](const JsonMember& member, const std::string& pointer) {
    const SinkConfig* sink = add(member.key, member.place, pointer);
    if (sink == nullptr) return;
    ObjectReader reader(member.value, pointer, route.findings());
    ReadTarget(reader, *sink, targets.back());
  });
  if (to->value.kind == JsonNode::Kind::kObject && to->value.members.empty()) route.Complain(key, "name one sink at least");
}

void ReadTargetDefaults(ObjectReader& reader, RouteConfig& route) {
  ReadHeaders(reader, route.headers);
  route.envelope = ReadEnvelope(reader);
}

bool CheckTargets(ObjectReader& reader, const char* key, const Config& config, const RouteConfig& route) {
  bool any_headers = false;
  for (const RouteTarget& target : route.to) {
    const SinkConfig* sink = FindSink(config, target.sink);
    if (sink == nullptr) return false;  // Told already.
    const SinkRules& rules = RulesOf(sink->type);
    any_headers |= TakesHeaders(*sink);
    if (sink->type == SinkType::kKafka && target.destination.empty()) {
      reader.Complain(key, "the Kafka sink `" + target.sink + "` needs a topic: { \"" + target.sink + "\": { \"topic\": \"...\" } }");
      return false;
    }
    if (const std::string name = AttributeAmong(*sink, target.headers, route.headers); !name.empty()) {
      reader.Complain(key, "the header `" + name + "` would pass for an attribute of the envelope: choose another name");
      return false;
    }
    if (target.envelope.value_or(route.envelope) == Envelope::kNone && !rules.takes_bare) {
      reader.Complain(key,
                      "`" + target.sink + "` is " + rules.kind + ", which has its envelope always: give it \"envelope\": \"cloudevents\"");
      return false;
    }
  }
  if (any_headers || route.headers.empty()) return true;
  reader.Complain("headers", "no sink of this route has headers");
  return false;
}

}  // namespace sluice
