#include "config/show.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/secrets.h"
#include "gateway/host_port.h"
#include "gateway/json_text.h"
#include "gateway/quantities.h"
#include "gateway/sink_rules.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMask = "***";

Json Masked(const std::string& secret) {
  return secret.empty() ? Json(nullptr) : Json(kMask);
}

void SetIfGiven(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

Json ShowTls(const TlsConfig& tls) {
  Json json = Json::object();
  SetIfGiven(json, "ca_file", tls.ca_file);
  SetIfGiven(json, "cert_file", tls.cert_file);
  SetIfGiven(json, "key_file", tls.key_file);
  if (!tls.key_password.empty()) json["key_password"] = kMask;
  return json;
}

void ShowBroker(const MqttBrokerConfig& broker, Json& json) {
  json["type"] = "mqtt";
  json["url"] = (broker.tls ? "mqtts://" : "mqtt://") + HostInUrl(broker.host) + ":" + std::to_string(broker.port);
  if (broker.tls) json["tls"] = ShowTls(*broker.tls);
  json["client_id"] = broker.client_id;
  SetIfGiven(json, "username", broker.username);
  if (!broker.password.empty()) json["password"] = kMask;
  if (!broker.proxy.empty()) json["proxy"] = kMask;
  json["protocol"] = broker.protocol_version == 5 ? "5" : "3.1.1";
  json["keepalive"] = FormatDuration(broker.keepalive);
  json["connect_timeout"] = FormatDuration(broker.connect_timeout);
}

Json ShowSource(const MqttSourceConfig& source) {
  static constexpr const char* kRetained[] = {"once", "skip", "forward"};
  Json json;
  ShowBroker(source, json);
  for (const Subscription& subscription : source.subscribe) {
    Json& one = json["subscribe"][subscription.filter];
    one["qos"] = subscription.qos;
    if (subscription.format != source.format) one["format"] = kPayloadFormats[static_cast<std::size_t>(subscription.format)];
  }
  json["format"] = kPayloadFormats[static_cast<std::size_t>(source.format)];
  json["retained"] = kRetained[static_cast<std::size_t>(source.retained)];
  json["session_expiry"] = FormatDuration(source.session_expiry);
  json["receive_maximum"] = source.receive_maximum;
  json["max_payload"] = FormatBytes(source.max_payload);
  json["reconnect_min"] = FormatDuration(source.reconnect_min);
  json["reconnect_max"] = FormatDuration(source.reconnect_max);
  return json;
}

Json ShowAwsAuth(const AwsAuthConfig& auth) {
  static constexpr const char* kTypes[] = {"", "environment", "shared_file", "container", "iot", "static"};
  Json json;
  json["type"] = kTypes[static_cast<std::size_t>(auth.type)];
  SetIfGiven(json, "endpoint", auth.endpoint);
  SetIfGiven(json, "role_alias", auth.role_alias);
  SetIfGiven(json, "thing_name", auth.thing_name);
  if (auth.type == AwsAuthType::kIot) json["tls"] = ShowTls(auth.tls);
  SetIfGiven(json, "path", auth.path);
  SetIfGiven(json, "profile", auth.profile);
  SetIfGiven(json, "access_key_id", auth.access_key_id);
  if (!auth.secret_access_key.empty()) json["secret_access_key"] = kMask;
  if (!auth.session_token.empty()) json["session_token"] = kMask;
  return json;
}

Json ShowKafkaAuth(const KafkaSinkConfig& kafka) {
  if (!kafka.msk_iam) return {{"mechanism", kafka.mechanism}, {"username", kafka.username}, {"password", Masked(kafka.password)}};
  const MskIamConfig& msk_iam = *kafka.msk_iam;
  Json json = {{"mechanism", kafka.mechanism}, {"region", msk_iam.region}};
  if (msk_iam.credentials.type != AwsAuthType::kDefault) json["credentials"] = ShowAwsAuth(msk_iam.credentials);
  return json;
}

Json ShowKafka(const KafkaSinkConfig& kafka) {
  Json json;
  json["type"] = "kafka";
  json["brokers"] = kafka.brokers;
  if (!kafka.mechanism.empty()) json["auth"] = ShowKafkaAuth(kafka);
  if (kafka.tls) json["tls"] = ShowTls(*kafka.tls);
  for (const auto& [name, value] : kafka.rdkafka) {
    json["rdkafka"][name] = IsSecretProperty(name) ? kMask : value;
  }
  return json;
}

Json ShowFile(const FileSinkConfig& file) {
  Json json;
  json["type"] = "file";
  json["path"] = file.path;
  json["rotate_bytes"] = FormatBytes(file.rotate_bytes);
  json["keep_files"] = file.keep_files;
  return json;
}

Json ShowKinesis(const KinesisSinkConfig& kinesis) {
  Json json;
  json["type"] = "kinesis";
  json["region"] = kinesis.region;
  json["endpoint"] = kinesis.endpoint;
  json["stream"] = kinesis.stream;
  if (kinesis.auth.type != AwsAuthType::kDefault) json["auth"] = ShowAwsAuth(kinesis.auth);
  json["tls"] = ShowTls(kinesis.tls);
  if (!kinesis.proxy.empty()) json["proxy"] = kMask;
  json["connect_timeout"] = FormatDuration(kinesis.connect_timeout);
  json["timeout"] = FormatDuration(kinesis.timeout);
  return json;
}

Json ShowMqttSink(const MqttSinkConfig& mqtt) {
  Json json;
  ShowBroker(mqtt, json);
  json["max_packet"] = FormatBytes(mqtt.max_packet);
  return json;
}

Json ShowByType(const SinkConfig& sink) {
  switch (sink.type) {
    case SinkType::kKafka:
      return ShowKafka(sink.kafka);
    case SinkType::kFile:
      return ShowFile(sink.file);
    case SinkType::kKinesis:
      return ShowKinesis(sink.kinesis);
    case SinkType::kMqtt:
      return ShowMqttSink(sink.mqtt);
  }
  return {};
}

Json ShowSink(const SinkConfig& sink) {
  Json json = ShowByType(sink);
  if (sink.limit.events_per_s > 0) json["limit"]["events_per_s"] = sink.limit.events_per_s;
  if (sink.limit.bytes_per_s > 0) json["limit"]["bytes_per_s"] = FormatBytes(sink.limit.bytes_per_s);
  json["retry_min"] = FormatDuration(sink.retry_min);
  json["retry_max"] = FormatDuration(sink.retry_max);
  if (RulesOf(sink.type).max_destination > 0) json["max_destinations"] = sink.max_destinations;
  return json;
}

const char* ShowEnvelope(Envelope envelope) {
  return envelope == Envelope::kNone ? "none" : "cloudevents";
}

Json ShowTargets(const Config& config, const std::vector<RouteTarget>& targets) {
  Json json = Json::object();
  for (const RouteTarget& target : targets) {
    auto sink = std::find_if(config.sinks.begin(), config.sinks.end(), [&](const SinkConfig& s) { return s.name == target.sink; });
    Json& one = json[target.sink] = Json::object();
    if (sink != config.sinks.end()) SetIfGiven(one, RulesOf(sink->type).destination_key, target.destination);
    if (target.key) one["key"] = *target.key;
    if (!target.headers.empty()) one["headers"] = target.headers;
    if (target.envelope) one["envelope"] = ShowEnvelope(*target.envelope);
    if (target.retain) one["retain"] = true;
  }
  return json;
}

Json ShowRoute(const Config& config, const RouteConfig& route) {
  Json json;
  json["name"] = route.name;
  json["match"] = route.match;
  if (!route.except.empty()) json["except"] = route.except;
  SetIfGiven(json, "key", route.key);
  if (!route.headers.empty()) json["headers"] = route.headers;
  json["envelope"] = ShowEnvelope(route.envelope);
  json["to"] = ShowTargets(config, route.to);
  SetIfGiven(json, "class", route.lane_class);
  if (route.ttl) json["ttl"] = FormatDuration(*route.ttl);
  if (!route.when.empty()) json["when"] = route.when;
  json["continue"] = route.continue_after;
  return json;
}

Json ShowInput(const RuleInputConfig& input) {
  if (input.match.empty() && input.min_samples == 0) return input.value;
  Json json;
  json["value"] = input.value;
  if (!input.match.empty()) json["match"] = input.match;
  if (input.stale_after) json["stale_after"] = FormatDuration(*input.stale_after);
  if (input.min_samples > 0) json["min_samples"] = input.min_samples;
  return json;
}

void ShowRuleCondition(const RuleConfig& rule, Json& json) {
  if (rule.absent_for) {
    json["absent_for"] = FormatDuration(*rule.absent_for);
    if (!rule.expect.empty()) json["expect"] = rule.expect;
    json["count_blind_time"] = rule.count_blind_time;
  } else {
    json["when"] = rule.when;
    SetIfGiven(json, "clear_when", rule.clear_when);
    json["for"] = FormatDuration(rule.for_at_least);
  }
  json["keep_firing_for"] = FormatDuration(rule.keep_firing_for);
  if (rule.min_samples > 0) json["min_samples"] = rule.min_samples;
}

Json ShowRule(const RuleConfig& rule) {
  Json json;
  json["alert"] = rule.alert;
  json["enabled"] = rule.enabled;
  json["match"] = rule.match;
  if (rule.by) json["by"] = *rule.by;
  for (const RuleInputConfig& input : rule.inputs) json["inputs"][input.name] = ShowInput(input);
  ShowRuleCondition(rule, json);
  if (!rule.labels.empty()) json["labels"] = rule.labels;
  if (!rule.annotations.empty()) json["annotations"] = rule.annotations;
  json["max_keys"] = rule.max_keys;
  json["max_samples"] = rule.max_samples;
  json["max_per_minute"] = rule.max_per_minute;
  return json;
}

Json ShowHttp(const HttpConfig& http) {
  Json json;
  json["listen"] = http.listen;
  if (!http.token.empty()) json["token"] = kMask;
  if (!http.hosts.empty()) json["hosts"] = http.hosts;
  return json;
}

// Shares are shown as they were given or came out, rounded: what is printed reads back as much the same.
Json ShowClasses(const std::vector<ClassConfig>& classes) {
  double all = 0;
  for (const ClassConfig& one : classes) all += one.weight;
  Json json = Json::array();
  for (const ClassConfig& one : classes) {
    Json item;
    item["name"] = one.name;
    item["on_full"] = one.on_full == OnFull::kKeep ? "keep" : "drop_oldest";
    if (classes.size() > 1) item["share"] = std::to_string(std::max(1, static_cast<int>(100 * one.weight / all))) + "%";
    if (one.ttl) item["ttl"] = FormatDuration(*one.ttl);
    json.push_back(std::move(item));
  }
  return json;
}

}  // namespace

std::string ShowConfig(const Config& config) {
  static constexpr const char* kLevels[] = {"error", "warning", "info", "debug"};
  Json json;
  json["gateway"]["id"] = config.gateway.id;
  json["gateway"]["report_every"] = FormatDuration(config.gateway.report_every);
  if (!config.gateway.labels.empty()) json["gateway"]["labels"] = config.gateway.labels;
  for (const MqttSourceConfig& source : config.sources) json["sources"][source.name] = ShowSource(source);
  json["outbox"] = {{"path", config.outbox.path},
                    {"max_bytes", FormatBytes(config.outbox.max_bytes)},
                    {"min_free_bytes", FormatBytes(config.outbox.min_free_bytes)},
                    {"commit_every", FormatDuration(config.outbox.commit_every)},
                    {"dead_letters",
                     {{"max_bytes", FormatBytes(config.outbox.dead_letters.max_bytes)},
                      {"max_age", FormatDuration(config.outbox.dead_letters.max_age)}}}};
  json["control"]["socket"] = config.control.socket;
  if (config.http) json["http"] = ShowHttp(*config.http);
  json["classes"] = ShowClasses(config.classes);
  for (const SinkConfig& sink : config.sinks) json["sinks"][sink.name] = ShowSink(sink);
  for (const RouteConfig& route : config.routes) json["routes"].push_back(ShowRoute(config, route));
  json["unrouted"] = config.unrouted.empty() ? Json("drop") : ShowTargets(config, config.unrouted);
  for (const RuleConfig& rule : config.rules) json["rules"].push_back(ShowRule(rule));
  json["log"] = {{"level", kLevels[static_cast<std::size_t>(config.log.level)]},
                 {"format", config.log.format == LogFormat::kLogfmt ? "logfmt" : "json"}};
  return JsonText(json, 2) + "\n";
}

}  // namespace sluice
