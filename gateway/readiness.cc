#include "gateway/readiness.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gateway/json_text.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

std::string With(const std::string& what, const std::string& error) {
  return error.empty() ? what : what + ": " + error;
}

Json ReasonsOf(const StatusFacts& facts, const std::string& silent) {
  Json reasons = Json::array();
  if (facts.stopping) reasons.push_back("the daemon is stopping");
  if (!silent.empty() && !facts.stopping) reasons.push_back(silent);
  if (!facts.outbox_trouble.empty()) reasons.push_back("the outbox cannot be written: " + facts.outbox_trouble);
  return reasons;
}

Json ProblemsOf(const StatusFacts& facts) {
  Json problems = Json::array();
  if (!facts.config_problem.empty()) problems.push_back("the configuration in force is not that of the files: " + facts.config_problem);
  if (!facts.last_reload_ok) problems.push_back("the last reload was refused");
  for (const SourceStatus& source : facts.sources) {
    if (!source.connected)
      problems.push_back(With("source " + source.name + " is not connected (" + source.state + ")", source.last_error));
  }
  for (const ForwarderStatus& forwarder : facts.forwarders) {
    const auto is_its = [&](const LaneState& lane) { return lane.id == forwarder.lane; };
    const auto lane = std::find_if(facts.lanes.begin(), facts.lanes.end(), is_its);
    if (forwarder.in_trouble && lane != facts.lanes.end())
      problems.push_back(With("sink " + lane->sink + " takes no events of class " + lane->lane_class, forwarder.last_error));
  }
  return problems;
}

}  // namespace

HttpReply ReadinessOf(const StatusFacts& facts, const std::string& silent) {
  const Json reasons = ReasonsOf(facts, silent);
  const Json document{{"ready", reasons.empty()}, {"reasons", reasons}, {"problems", ProblemsOf(facts)}};
  return {.status = reasons.empty() ? 200u : 503u, .type = kJsonType, .body = JsonText(document) + "\n"};
}

}  // namespace sluice
