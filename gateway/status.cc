#include "gateway/status.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "gateway/cloud_event.h"
#include "gateway/counter_json.h"

namespace sluice {
namespace {

// Enough of a hash to tell configurations apart.
constexpr std::size_t kShortHash = 16;

using Json = nlohmann::ordered_json;

Json SourceDocument(const SourceStatus& source, const StoreCounters& counters) {
  Json json{{"state", source.state}};
  if (!source.last_error.empty()) json["last_error"] = source.last_error;
  for (const auto& [loss, times] : source.losses) json["since_start"][loss] = times;
  AddSourceCounters(counters, source.name, json);
  return json;
}

Json CertificateDocument(const CertificateStatus& certificate) {
  Json json{{"used_by", certificate.used_by}};
  if (certificate.expires) {
    json["expires"] = CloudEvent::FormatTime(*certificate.expires);
  } else {
    json["error"] = certificate.expires.error().message;
  }
  return json;
}

std::string StateWithoutForwarder(const LaneState& lane, const StatusFacts& facts) {
  if (!facts.sinks.contains(lane.sink)) return "orphaned";
  return facts.running ? "unused" : "stopped";
}

Json LaneDocument(const LaneState& lane, const StatusFacts& facts) {
  const std::vector<ForwarderStatus>& forwarders = facts.forwarders;
  Json json{{"id", lane.id}, {"sink", lane.sink}, {"class", lane.lane_class}};
  const auto it = std::find_if(forwarders.begin(), forwarders.end(), [&](const ForwarderStatus& f) { return f.lane == lane.id; });
  json["state"] = it == forwarders.end() ? StateWithoutForwarder(lane, facts) : it->state;
  AddOldestAge(facts.counters, lane.id, facts.clock.wall, json);
  if (it != forwarders.end()) json["in_flight"] = it->in_flight;
  if (it != forwarders.end()) json["sent_bytes_today"] = it->sent_today;
  if (it != forwarders.end() && !it->last_error.empty()) {
    json["last_error"] = it->last_error;
    json["last_error_time"] = CloudEvent::FormatTime(it->last_error_time);
  }
  AddLaneCounters(facts.counters, lane.id, json);
  return json;
}

Json AlertsDocument(const std::vector<RuleStatus>& rules) {
  Json json{{"rules", rules.size()}, {"pending", 0}, {"firing", 0}, {"suppressed", 0}, {"forgotten", 0}};
  const auto add = [&](const char* name, std::uint64_t amount) { json[name] = json[name].get<std::uint64_t>() + amount; };
  for (const RuleStatus& rule : rules) {
    add("pending", rule.pending);
    add("firing", rule.firing);
    add("suppressed", rule.counts.suppressed);
    add("forgotten", rule.counts.forgotten);
  }
  return json;
}

std::string Scalar(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// "name value  name value ...", in the order of the document; `skip` was said before.
std::string Members(const Json& object, std::initializer_list<std::string_view> skip, const std::string& prefix = "") {
  std::string text;
  for (const auto& [name, value] : object.items()) {
    if (std::find(skip.begin(), skip.end(), name) != skip.end()) continue;
    if (value.is_object()) {
      text += Members(value, {}, prefix + name + "/");
    } else {
      text += "  " + prefix + name + " " + Scalar(value);
    }
  }
  return text;
}

std::string ErrorLine(const Json& part) {
  if (!part.contains("last_error")) return "";
  const std::string when = part.contains("last_error_time") ? Scalar(part["last_error_time"]) + " " : "";
  return "    last error: " + when + Scalar(part["last_error"]) + "\n";
}

}  // namespace

Json StatusDocument(const StatusFacts& facts) {
  Json json{{"version", facts.version}, {"gateway", facts.gateway_id}, {"outbox", facts.outbox_id}};
  if (facts.running) {
    json["config"] = facts.config_hash.substr(0, kShortHash);
    json["config_since"] = CloudEvent::FormatTime(facts.last_reload);
  } else {
    json["running"] = false;
  }
  json["time"] = CloudEvent::FormatTime(facts.clock.wall);
  json["clock_synchronized"] = facts.clock.synchronized;
  if (facts.running) {
    json["uptime_s"] = facts.uptime.count();
    json["start_reason"] = facts.start_reason;
  }
  if (!facts.config_problem.empty()) json["config_problem"] = facts.config_problem;
  json["disk"] = DiskJson(facts.counters, facts.max_bytes);
  json["dead_letters_bytes"] = CounterOf(facts.counters, "dead_letters_bytes");
  json["certificates"] = Json::array();
  for (const CertificateStatus& certificate : facts.certificates) json["certificates"].push_back(CertificateDocument(certificate));
  json["sources"] = Json::object();
  for (const SourceStatus& source : facts.sources) json["sources"][source.name] = SourceDocument(source, facts.counters);
  if (!facts.rules.empty()) json["alerts"] = AlertsDocument(facts.rules);
  json["lanes"] = Json::array();
  for (const LaneState& lane : facts.lanes) json["lanes"].push_back(LaneDocument(lane, facts));
  return json;
}

namespace {

// Green: as it should be. Red: somebody has to look.
Ink InkOf(const std::string& state) {
  if (state == "live" || state == "connected") return Ink::kGreen;
  return state == "waiting" || state == "orphaned" || state == "paused" ? Ink::kRed : Ink::kPlain;
}

std::string HeadText(const Json& document, const Paint& paint) {
  std::string text =
      "sluice " + Scalar(document["version"]) + ", gateway " + Scalar(document["gateway"]) + ", outbox " + Scalar(document["outbox"]);
  const bool running = document.contains("uptime_s");
  if (running) text += ", config " + Scalar(document["config"]);
  text += "\n";
  if (document.contains("config_problem"))
    text += paint("NOT the configuration that stands in the files: " + Scalar(document["config_problem"]), Ink::kRed) + "\n";
  text += running ? "up " + Scalar(document["uptime_s"]) + " s after a start by " + Scalar(document["start_reason"])
                  : paint("not running", Ink::kRed);
  return text + ", clock " + (document["clock_synchronized"] ? "synchronized" : "not synchronized") + "\n";
}

}  // namespace

std::string StatusText(const Json& document, const Paint& paint) {
  const auto state_of = [&](const Json& part) { return " (" + paint(Scalar(part["state"]), InkOf(Scalar(part["state"]))) + ")"; };
  std::string text = HeadText(document, paint);
  text += "disk  " + Members(document["disk"], {}) + "  dead_letters_bytes " + Scalar(document["dead_letters_bytes"]) + "\n";
  for (const Json& certificate : document["certificates"]) text += "certificate" + Members(certificate, {}) + "\n";
  for (const auto& [name, source] : document["sources"].items()) {
    text += "source " + name + state_of(source) + Members(source, {"state", "last_error"}) + "\n" + ErrorLine(source);
  }
  if (document.contains("alerts")) text += "alerts" + Members(document["alerts"], {}) + "\n";
  for (const Json& lane : document["lanes"]) {
    text += "lane " + Scalar(lane["id"]) + " " + Scalar(lane["sink"]) + "/" + Scalar(lane["class"]) + state_of(lane) +
            Members(lane, {"id", "sink", "class", "state", "last_error", "last_error_time"}) + "\n" + ErrorLine(lane);
  }
  return text;
}

}  // namespace sluice
