#include "drivers/cloud_event_json.h"

#include <string_view>

#include "drivers/base64.h"
#include "drivers/json_string.h"

namespace sluice {
namespace {

void AppendMember(std::string_view name, std::string_view value, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  AppendJsonString(value, out);
}

}  // namespace

void AppendCloudEventJson(const CloudEvent& event, const Row& row, std::string& out) {
  const std::size_t start = out.size();
  event.ForEachAttribute(
      [&](std::string_view name, std::string_view value) { AppendMember(name.substr(CloudEvent::kPrefix), value, out); });
  out[start] = '{';
  if (row.key) AppendMember("partitionkey", *row.key, out);
  if (!row.event.content_type.empty()) AppendMember("datacontenttype", row.event.content_type, out);
  if (IsUtf8(row.event.payload)) {
    AppendMember("data", row.event.payload, out);
  } else {
    out += ",\"data_base64\":\"";
    AppendBase64(row.event.payload, out);
    out += '"';
  }
  out += '}';
}

std::function<std::string(const Row&)> CloudEventJsonOf(const Identity& identity) {
  return [event = CloudEvent(identity)](const Row& row) mutable {
    std::string json;
    event.Set(row);
    AppendCloudEventJson(event, row, json);
    return json;
  };
}

}  // namespace sluice
