#include "drivers/cloud_event_json.h"

#include <string_view>

#include "drivers/base64.h"
#include "drivers/json_string.h"

namespace sluice {
namespace {

void AppendMember(const char* name, std::string_view value, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  AppendJsonString(value, out);
}

}  // namespace

void AppendCloudEventJson(const CloudEvent& event, const Row& row, std::string& out) {
  out += R"({"specversion":"1.0")";
  AppendMember("id", event.id(), out);
  AppendMember("source", event.source(), out);
  AppendMember("type", kEventType, out);
  AppendMember("time", event.time(), out);
  AppendMember("subject", row.event.topic, out);
  AppendMember("sequence", event.sequence(), out);
  if (!event.prevseq().empty()) AppendMember("prevseq", event.prevseq(), out);
  if (!event.expirytime().empty()) AppendMember("expirytime", event.expirytime(), out);
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

}  // namespace sluice
