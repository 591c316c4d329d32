#include "config/build.h"

#include <algorithm>
#include <filesystem>

#include "config/build_classes.h"
#include "config/build_http.h"
#include "config/build_rules.h"
#include "config/build_sink.h"
#include "config/build_source.h"
#include "config/build_targets.h"
#include "config/mqtt_targets.h"
#include "config/review.h"
#include "gateway/condition_syntax.h"
#include "gateway/control_address.h"
#include "gateway/quantities.h"
#include "gateway/router.h"
#include "gateway/suggestion.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Bytes kMaxOutbox = Bytes{1} << 44;

void ReadGateway(ObjectReader& root, GatewayConfig& gateway) {
  Result<std::string> host = ResolveReferences("${hostname}", ReferenceMode::kResolve);
  gateway.hostname = host ? *host : "gateway";
  gateway.id = gateway.hostname;
  root.Object("gateway", [&](ObjectReader& reader) {
    reader.String("id", gateway.id);
    reader.DurationOf("report_every", milliseconds(0), hours(24), gateway.report_every);
    const bool bad = gateway.id.empty() || gateway.id.size() > 64 || gateway.id.find_first_of(": /\t\n") != std::string::npos;
    if (bad) reader.Complain("id", "a gateway's id has 1 to 64 characters, without space, `:` and `/`: it is a part of every event's id");
    reader.StringsByName("labels", gateway.labels);
    for (const auto& [name, ignored] : gateway.labels) {
      if (!IsName(name)) reader.Complain("labels", "`" + name + "`: a label's name has 1 to 32 letters, digits, `_` and `-`");
    }
  });
}

void ReadOutbox(ObjectReader& root, OutboxConfig& outbox) {
  root.Object("outbox", [&](ObjectReader& reader) {
    reader.String("path", outbox.path);
    reader.BytesOf("max_bytes", 8u << 20, kMaxOutbox, outbox.max_bytes);
    reader.BytesOf("min_free_bytes", 0, kMaxOutbox, outbox.min_free_bytes);
    reader.DurationOf("commit_every", milliseconds(0), milliseconds(10'000), outbox.commit_every);
    if (outbox.path.empty()) reader.Complain("path", "the outbox needs a file");
    const Bytes most = outbox.max_bytes / 8;
    outbox.dead_letters.max_bytes = std::min(outbox.dead_letters.max_bytes, most);
    reader.Object("dead_letters", [&](ObjectReader& letters) {
      letters.BytesOf("max_bytes", 0, kMaxOutbox / 8, outbox.dead_letters.max_bytes);
      if (outbox.dead_letters.max_bytes > most)
        letters.Complain("max_bytes", "an eighth of outbox.max_bytes at most: " + FormatBytes(most));
      letters.DurationOf("max_age", std::chrono::minutes(1), hours(24 * 3650), outbox.dead_letters.max_age);
    });
  });
}

void ReadControl(ObjectReader& root, const OutboxConfig& outbox, ControlConfig& control) {
  const bool is_service = outbox.path == OutboxConfig{}.path;
  control.socket = is_service ? kServiceSocket : (std::filesystem::path(outbox.path).parent_path() / "control.sock").string();
  root.Object("control", [&](ObjectReader& reader) {
    reader.String("socket", control.socket);
    if (control.socket.empty()) reader.Complain("socket", "the path of a Unix socket");
  });
  if (Result<sockaddr_un> address = ControlAddress(control.socket); !address) root.Complain("control", address.error().message);
}

void ReadLog(ObjectReader& root, LogConfig& log) {
  root.Object("log", [&](ObjectReader& reader) {
    auto level = static_cast<std::size_t>(log.level);
    auto format = static_cast<std::size_t>(log.format);
    reader.Word("level", {"error", "warning", "info", "debug"}, level);
    reader.Word("format", {"logfmt", "json"}, format);
    log.level = static_cast<LogLevel>(level);
    log.format = static_cast<LogFormat>(format);
  });
}

void TellMqttTargets(ObjectReader& reader, const char* key, const std::vector<TargetFinding>& findings) {
  for (const TargetFinding& finding : findings) {
    if (finding.is_certain) {
      reader.Complain(key, finding.message);
    } else {
      reader.Warn(key, finding.message);
    }
  }
}

bool WhenIsWrong(const RouteConfig& route) {
  return !route.when.empty() && !ParseCondition(route.when);
}

void CheckRoute(ObjectReader& route, const Config& config, const RouteConfig& result) {
  if (!CheckTargets(route, "to", config, result)) return;
  const auto has_name = [&](const ClassConfig& c) { return c.name == result.lane_class; };
  if (!result.lane_class.empty() && std::none_of(config.classes.begin(), config.classes.end(), has_name)) {
    std::vector<std::string> names;
    for (const ClassConfig& one : config.classes) names.push_back(one.name);
    return route.Complain("class", "there is no class `" + result.lane_class + "`." + Suggestion(result.lane_class, names));
  }
  Config one = config;
  one.routes = {result};
  Result<Router> router = Router::Create(one);
  if (!router) return route.Complain(WhenIsWrong(result) ? "when" : "match", router.error().message);
  TellMqttTargets(route, "to", CheckMqttTargets(config, result.match, result.to));
}

void ReadRoute(const JsonNode& node, const std::string& pointer, Config& config, Findings& findings) {
  RouteConfig result;
  ObjectReader route(node, pointer, findings);
  const std::size_t before = findings.mistakes.size();
  route.Require("name", "a short word for the log and the counters");
  route.Require("match", "an MQTT topic filter, or several");
  route.Require("to", "the name of a sink, or { \"sink\": { \"topic\": \"...\" } }");
  route.String("name", result.name);
  route.Strings("match", result.match);
  route.Strings("except", result.except);
  route.String("key", result.key);
  route.String("class", result.lane_class);
  ReadTtl(route, result.ttl);
  route.Bool("continue", result.continue_after);
  route.String("when", result.when);
  ReadTargetDefaults(route, result);
  ReadTargets(route, "to", config, result.to);
  const bool again = std::any_of(config.routes.begin(), config.routes.end(), [&](const RouteConfig& r) { return r.name == result.name; });
  if (again) route.Complain("name", "another route is named `" + result.name + "` too");
  if (findings.mistakes.size() == before) CheckRoute(route, config, result);
  config.routes.push_back(std::move(result));
}

// "drop", or as `to` of a route.
void ReadUnrouted(ObjectReader& root, Config& config) {
  const JsonMember* unrouted = root.Find("unrouted");
  if (unrouted == nullptr || (unrouted->value.kind == JsonNode::Kind::kString && unrouted->value.text == "drop")) return;
  ReadTargets(root, "unrouted", config, config.unrouted);
  if (!CheckTargets(root, "unrouted", config, RouteConfig{.name = "unrouted", .match = {}, .except = {}, .key = "", .to = config.unrouted}))
    return;
  Config only = config;
  only.routes.clear();
  if (Result<Router> router = Router::Create(only); !router) return root.Complain("unrouted", router.error().message);
  TellMqttTargets(root, "unrouted", CheckMqttTargets(config, {"#"}, config.unrouted));
}

}  // namespace

Config BuildConfig(const JsonNode& node, Findings& findings) {
  Config config;
  ObjectReader root(node, "", findings);
  root.Find("$schema");  // For editors.
  ReadGateway(root, config.gateway);
  ReadOutbox(root, config.outbox);
  ReadControl(root, config.outbox, config.control);
  ReadHttp(root, config.http);
  ReadLog(root, config.log);
  root.Require("sources", "where events come from");
  root.Require("sinks", "where events go to");
  root.Require("routes", "which events go where");
  root.Each("sources", [&](const JsonMember& member, const std::string& pointer) {
    config.sources.push_back(BuildSource(member, pointer, config.gateway, findings));
  });
  ReadClasses(root, config.classes);
  root.Each("sinks", [&](const JsonMember& member, const std::string& pointer) {
    config.sinks.push_back(BuildSink(member, pointer, config.gateway, findings));
  });
  root.Items("routes", [&](const JsonNode& item, const std::string& pointer) { ReadRoute(item, pointer, config, findings); });
  ReadUnrouted(root, config);
  ReadRules(root, config);
  if (findings.mistakes.empty()) Review(root, config);
  return config;
}

}  // namespace sluice
