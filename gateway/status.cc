#include "gateway/status.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "gateway/cloud_event.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

// Puts the counters below `prefix` into `object`; those named in `always` are there also if they were never counted.
void AddCounters(const StoreCounters& counters, const std::string& prefix, std::initializer_list<const char*> always, Json& object) {
  for (const char* name : always) object[name] = 0;
  for (auto it = counters.values.lower_bound(prefix); it != counters.values.end() && it->first.rfind(prefix, 0) == 0; ++it) {
    const std::string name = it->first.substr(prefix.size());
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos) {
      object[name] = it->second;
    } else {
      object[name.substr(0, slash)][name.substr(slash + 1)] = it->second;
    }
  }
}

std::int64_t Counter(const StoreCounters& counters, const std::string& name) {
  const auto it = counters.values.find(name);
  return it == counters.values.end() ? 0 : it->second;
}

Json SourceDocument(const SourceStatus& source, const StoreCounters& counters) {
  Json json{{"state", source.state}};
  if (!source.last_error.empty()) json["last_error"] = source.last_error;
  for (const auto& [loss, times] : source.losses) json["since_start"][loss] = times;
  AddCounters(counters, "source/" + source.name + "/", {"received", "routed", "unrouted"}, json);
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

Json LaneDocument(const LaneState& lane, const StatusFacts& facts) {
  const std::vector<ForwarderStatus>& forwarders = facts.forwarders;
  Json json{{"id", lane.id}, {"sink", lane.sink}, {"class", lane.lane_class}};
  const auto it = std::find_if(forwarders.begin(), forwarders.end(), [&](const ForwarderStatus& f) { return f.lane == lane.id; });
  json["state"] = it == forwarders.end() ? "not configured" : it->state;
  const auto oldest = facts.counters.oldest.find(lane.id);
  if (oldest != facts.counters.oldest.end()) {
    json["oldest_age_s"] = std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(facts.clock.wall - oldest->second).count());
  }
  if (it != forwarders.end()) json["in_flight"] = it->in_flight;
  if (it != forwarders.end()) json["sent_bytes_today"] = it->sent_today;
  if (it != forwarders.end() && !it->last_error.empty()) {
    json["last_error"] = it->last_error;
    json["last_error_time"] = CloudEvent::FormatTime(it->last_error_time);
  }
  AddCounters(facts.counters, "lane/" + std::to_string(lane.id) + "/", {"in", "delivered", "pending", "pending_bytes", "dead_lettered"},
              json);
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
  Json json{{"version", facts.version},
            {"gateway", facts.gateway_id},
            {"outbox", facts.outbox_id},
            {"config", facts.config_hash},
            {"config_since", CloudEvent::FormatTime(facts.last_reload)},
            {"time", CloudEvent::FormatTime(facts.clock.wall)},
            {"clock_synchronized", facts.clock.synchronized},
            {"uptime_s", facts.uptime.count()},
            {"start_reason", facts.start_reason}};
  if (!facts.config_problem.empty()) json["config_problem"] = facts.config_problem;
  json["disk"] = {{"used_bytes", facts.counters.file_bytes}, {"max_bytes", facts.max_bytes}, {"free_bytes", facts.counters.free_bytes}};
  json["dead_letters_bytes"] = Counter(facts.counters, "dead_letters_bytes");
  json["certificates"] = Json::array();
  for (const CertificateStatus& certificate : facts.certificates) json["certificates"].push_back(CertificateDocument(certificate));
  json["sources"] = Json::object();
  for (const SourceStatus& source : facts.sources) json["sources"][source.name] = SourceDocument(source, facts.counters);
  if (!facts.rules.empty()) json["alerts"] = AlertsDocument(facts.rules);
  json["lanes"] = Json::array();
  for (const LaneState& lane : facts.lanes) json["lanes"].push_back(LaneDocument(lane, facts));
  return json;
}

std::string StatusText(const Json& document) {
  std::string text = "sluice " + Scalar(document["version"]) + ", gateway " + Scalar(document["gateway"]) + ", outbox " +
                     Scalar(document["outbox"]) + ", config " + Scalar(document["config"]) + "\n";
  if (document.contains("config_problem"))
    text += "NOT the configuration that stands in the files: " + Scalar(document["config_problem"]) + "\n";
  text += "up " + Scalar(document["uptime_s"]) + " s after a start by " + Scalar(document["start_reason"]) + ", clock " +
          (document["clock_synchronized"] ? "synchronized" : "not synchronized") + "\n";
  text += "disk  " + Members(document["disk"], {}) + "  dead_letters_bytes " + Scalar(document["dead_letters_bytes"]) + "\n";
  for (const Json& certificate : document["certificates"]) text += "certificate" + Members(certificate, {}) + "\n";
  for (const auto& [name, source] : document["sources"].items()) {
    text += "source " + name + " (" + Scalar(source["state"]) + ")" + Members(source, {"state", "last_error"}) + "\n" + ErrorLine(source);
  }
  if (document.contains("alerts")) text += "alerts" + Members(document["alerts"], {}) + "\n";
  for (const Json& lane : document["lanes"]) {
    text += "lane " + Scalar(lane["id"]) + " " + Scalar(lane["sink"]) + "/" + Scalar(lane["class"]) + " (" + Scalar(lane["state"]) + ")" +
            Members(lane, {"id", "sink", "class", "state", "last_error", "last_error_time"}) + "\n" + ErrorLine(lane);
  }
  return text;
}

}  // namespace sluice
