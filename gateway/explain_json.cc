#include "gateway/explain_json.h"

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Json TargetJson(const Explanation::Target& target) {
  Json json{{"sink", target.sink}, {"class", target.lane_class}};
  if (target.needs_payload) json["needs_payload"] = true;
  if (!target.dead_letter.empty()) json["dead_letter"] = target.dead_letter;
  if (target.needs_payload || !target.dead_letter.empty()) return json;
  if (!target.destination.empty()) json[target.destination_key] = target.destination;
  json["key"] = target.key;
  json["headers"] = Json::object();
  for (const Property& header : target.headers) json["headers"][header.name] = header.value;
  json["envelope"] = target.bare ? "none" : "cloudevents";
  json["retain"] = target.retain;
  return json;
}

}  // namespace

Json ExplanationJson(const Explanation& explanation) {
  Json json{{"topic", explanation.topic}, {"sources", Json::array()}, {"routes", explanation.routes}, {"fields", explanation.fields}};
  for (const Explanation::Subscriber& one : explanation.subscribers) {
    json["sources"].push_back(
        {{"source", one.source}, {"filter", one.filter}, {"qos", one.qos}, {"format", one.format.empty() ? "json" : one.format}});
  }
  json["to"] = Json::array();
  for (const Explanation::Target& target : explanation.targets) json["to"].push_back(TargetJson(target));
  json["rules"] = Json::array();
  for (const Explanation::Rule& rule : explanation.rules) json["rules"].push_back({{"alert", rule.alert}, {"enabled", rule.enabled}});
  return json;
}

}  // namespace sluice
