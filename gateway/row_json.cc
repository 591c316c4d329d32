#include "gateway/row_json.h"

#include <nlohmann/json.hpp>

#include "gateway/json_text.h"

namespace sluice {

using Json = nlohmann::ordered_json;

Json RowName(const LaneState& lane, Seq seq, const Identity& identity) {
  const std::string number = std::to_string(seq);
  return {{"id", std::to_string(lane.id) + "/" + number},
          {"event", identity.gateway_id + ":" + identity.outbox_id + ":" + number},
          {"sink", lane.sink},
          {"class", lane.lane_class}};
}

std::string WithEvent(Json json, const Row& row, const std::function<std::string(const Row&)>& event_json) {
  const Event& event = row.event;
  json["source"] = row.source;
  json["qos"] = event.qos;
  json["retained"] = event.retained;
  json["properties"] = Json::array();
  for (const Property& property : event.properties) json["properties"].push_back({{"name", property.name}, {"value", property.value}});
  std::string text = JsonText(json);
  text.pop_back();
  return text + ",\"cloudevent\":" + event_json(row) + "}";
}

}  // namespace sluice
