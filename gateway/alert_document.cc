#include "gateway/alert_document.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "gateway/cloud_event.h"
#include "gateway/fingerprint.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kAlertName = "alertname";
constexpr const char* kNotOver = "0001-01-01T00:00:00Z";

// With the name of the alert, sorted.
NamedTexts AllLabels(const std::string& alert, const NamedTexts& labels) {
  NamedTexts all = labels;
  const std::pair<std::string, std::string> name(kAlertName, alert);
  all.insert(std::upper_bound(all.begin(), all.end(), name), name);
  return all;
}

Json TextsJson(const NamedTexts& texts) {
  Json json = Json::object();
  for (const auto& [name, text] : texts) json[name] = text;
  return json;
}

Json ValueJson(const FieldValue& value) {
  if (value.kind == FieldValue::Kind::kText) return value.text;
  if (value.kind == FieldValue::Kind::kNone || !std::isfinite(value.number)) return nullptr;
  return value.number;
}

}  // namespace

std::string FingerprintOf(const std::string& alert, const NamedTexts& labels) {
  Fingerprint fingerprint;
  for (const auto& [name, text] : AllLabels(alert, labels)) {
    fingerprint.Add(name);
    fingerprint.Add(text);
  }
  return fingerprint.Text();
}

AlertEvent MakeAlertEvent(const AlertDocument& document) {
  Json json;
  json["status"] = document.is_firing ? "firing" : "resolved";
  json["labels"] = TextsJson(AllLabels(document.alert, document.labels));
  json["annotations"] = TextsJson(document.annotations);
  json["startsAt"] = CloudEvent::FormatTime(document.starts);
  json["endsAt"] = document.is_firing ? kNotOver : CloudEvent::FormatTime(document.ends);
  json["fingerprint"] = FingerprintOf(document.alert, document.labels);
  json["id"] = document.id;
  json["incident"] = document.incident;
  json["activeAt"] = CloudEvent::FormatTime(document.active);
  json["value"] = ValueJson(document.value);
  if (!document.inputs.empty()) json["inputs"] = Json::object();
  for (const auto& [name, value] : document.inputs) json["inputs"][name] = ValueJson(value);
  if (!document.cause.empty()) json["cause"] = document.cause;
  if (!document.reason.empty()) json["reason"] = document.reason;
  if (document.suppressed > 0) json["suppressed"] = document.suppressed;
  return {"$sluice/alerts/" + document.alert, json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

std::string NumberText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", number);
  return text;
}

}  // namespace sluice
