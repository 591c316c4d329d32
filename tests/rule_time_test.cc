// What time alone does to rules.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "gateway/rule_scenario.h"
#include "gateway/rules.h"

namespace sluice {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

RuleConfig MakeRule() {
  RuleConfig rule;
  rule.alert = "Press";
  rule.match = {"plant/{press}"};
  return rule;
}

/// "20s firing", one for each alert that was told.
std::vector<std::string> Run(const RuleConfig& rule, const std::string& steps) {
  Config config;
  config.sources.emplace_back();
  config.sources[0].subscribe = {{"#", 1}};
  config.rules = {rule};
  const Result<RuleScenario> scenario = RuleScenario::Parse("{\"steps\":[" + steps + "]}");
  REQUIRE_MESSAGE(scenario.has_value(), scenario.error().message);
  const Result<ScenarioOutcome> outcome = scenario->Run(config);
  REQUIRE_MESSAGE(outcome.has_value(), outcome.error().message);
  std::vector<std::string> told;
  for (const std::string& alert : outcome->alerts) {
    const std::size_t name = alert.find("  Press ");
    told.push_back(alert.substr(0, name) + alert.substr(name + 7, alert.find("  {") - name - 7));
  }
  return told;
}

using Told = std::vector<std::string>;

TEST_CASE("rule time: an alert over a window is over when the window has lost what was too much, without a further event") {
  RuleConfig rule = MakeRule();
  rule.when = "max(temp, 10s) > 80";
  rule.min_samples = 1;
  CHECK(Run(rule, R"({"at": "0s", "topic": "plant/1", "payload": {"temp": 90}},
                     {"at": "3s", "topic": "plant/1", "payload": {"temp": 70}}, {"at": "1h"})") == Told{"0s firing", "10s resolved"});
}

TEST_CASE("rule time: a condition is looked at when another sensor's value grows old, once") {
  RuleConfig rule = MakeRule();
  rule.inputs = {{.name = "flow", .value = "flow", .match = {"flow/{press}"}, .stale_after = seconds(20)}};
  rule.when = "flow < 5 AND press = '1'";
  CHECK(Run(rule, R"({"at": "0s", "topic": "plant/1", "payload": {}},
                     {"at": "1s", "topic": "flow/1", "payload": {"flow": 3}}, {"at": "1h"})") == Told{"1s firing", "21s resolved"});
}

TEST_CASE("rule time: a condition does not become true by time alone") {
  RuleConfig rule = MakeRule();
  rule.when = "count(10s) = 0";
  rule.min_samples = 1;
  CHECK(Run(rule, R"({"at": "0s", "topic": "plant/1", "payload": {}}, {"at": "1h"})").empty());
}

TEST_CASE("rule time: what is due while a crash has taken the window waits until the window is covered again, and no longer") {
  RuleConfig rule = MakeRule();
  rule.when = "avg(temp, 60s) > 80";
  rule.for_at_least = seconds(20);
  const std::string pending = R"({"at": "0s", "every": "5s", "times": 14, "topic": "plant/1", "payload": {"temp": 90}},
                                 {"at": "70s", "restart": "crash", "off": "1s"},)";
  CHECK(Run(rule, pending + R"({"at": "75s", "every": "5s", "times": 30, "topic": "plant/1", "payload": {"temp": 90}})") ==
        Told{"2m15s firing"});
  CHECK(Run(rule, pending + R"({"at": "75s", "topic": "plant/1", "payload": {"temp": 90}}, {"at": "1h"})").empty());
}

TEST_CASE("rule time: an alert is not over because a crash has taken its window, whenever the sensor sends again") {
  RuleConfig rule = MakeRule();
  rule.when = "avg(temp, 60s) > 80";
  for (const char* again : {"101s", "106s", "150s", "159s"}) {
    CHECK(Run(rule, R"({"at": "0s", "every": "5s", "times": 20, "topic": "plant/1", "payload": {"temp": 90}},
                       {"at": "100s", "restart": "crash", "off": "1s"},
                       {"at": ")" +
                        std::string(again) + R"(", "every": "7s", "times": 50, "topic": "plant/1", "payload": {"temp": 90}})") ==
          Told{"1m firing"});
  }
}

TEST_CASE("rule time: time off and without a connection is silence only for a rule that says so") {
  RuleConfig rule = MakeRule();
  rule.absent_for = minutes(5);
  const std::string off = R"({"at": "0s", "topic": "plant/1", "payload": {}}, {"at": "1m", "restart": "stop", "off": "10m"}, {"at": "1h"})";
  const std::string cut = R"({"at": "0s", "topic": "plant/1", "payload": {}}, {"at": "1m", "connection": "lost"},
                             {"at": "11m", "connection": "back"}, {"at": "1h"})";
  CHECK(Run(rule, off) == Told{"15m firing"});
  CHECK(Run(rule, cut) == Told{"15m firing"});
  rule.count_blind_time = true;
  CHECK(Run(rule, off) == Told{"11m firing"});
  CHECK(Run(rule, cut) == Told{"5m firing"});
}

TEST_CASE("rule time: an event that is one of the rule's own and that of an input changes a state twice, each under an id of its own") {
  Config config;
  config.rules = {MakeRule()};
  config.rules[0].inputs = {{.name = "a", .value = "temp", .match = {"plant/{press}"}}};
  config.rules[0].when = "a IS NULL AND press = '1'";
  const std::unique_ptr<Rules> rules = std::move(*Rules::Create(config, {"gateway", "outbox"}));
  std::vector<AlertEvent> alerts;
  rules->Start({}, {}, true, alerts);
  Event event;
  event.topic = "plant/1";
  event.payload = R"({"temp": 90})";
  rules->OnEvent(event, "local", {}, 7, alerts);
  REQUIRE(alerts.size() == 2);
  const auto fired = nlohmann::json::parse(alerts[0].payload);
  const auto resolved = nlohmann::json::parse(alerts[1].payload);
  CHECK(fired["id"] == resolved["incident"]);
  CHECK(fired["id"] != resolved["id"]);
}

TEST_CASE("rule time: a crash makes nobody silent who was heard of since the last checkpoint, and who is silent stays so") {
  RuleConfig rule = MakeRule();
  rule.absent_for = seconds(30);
  const std::string lives = R"({"at": "0s", "every": "5s", "times": 23, "topic": "plant/1", "payload": {}},
                               {"at": "50s", "topic": "plant/2", "payload": {}},
                               {"at": "114s", "restart": "crash", "off": "10s"},
                               {"at": "125s", "every": "5s", "times": 10, "topic": "plant/1", "payload": {}}, {"at": "171s"})";
  CHECK(Run(rule, lives) == Told{"1m20s firing"});
  rule.absent_for = minutes(2);
  CHECK(Run(rule, lives + R"(, {"at": "175s", "every": "5s", "times": 20, "topic": "plant/1", "payload": {}})") == Told{"3m54s firing"});
}

TEST_CASE("rule time: an id is one notification, also of what fires and is forgotten within a millisecond, twice") {
  Config config;
  config.rules = {MakeRule()};
  config.rules[0].when = "temp > 80";
  config.rules[0].max_keys = 1;
  const std::unique_ptr<Rules> rules = std::move(*Rules::Create(config, {"gateway", "outbox"}));
  std::vector<AlertEvent> alerts;
  rules->Start({}, {}, true, alerts);
  for (Seq seq = 1; seq <= 5; ++seq) {
    Event event;
    event.topic = seq % 2 == 1 ? "plant/1" : "plant/2";
    event.payload = R"({"temp": 90})";
    rules->OnEvent(event, "local", {}, seq, alerts);
  }
  REQUIRE(alerts.size() == 9);
  std::set<std::string> ids;
  for (const AlertEvent& alert : alerts) ids.insert(nlohmann::json::parse(alert.payload)["id"].get<std::string>());
  CHECK(ids.size() == alerts.size());
}

TEST_CASE("rule time: what another sensor said last is known after a stop") {
  RuleConfig rule = MakeRule();
  rule.inputs = {{.name = "flow", .value = "flow", .match = {"flow"}, .stale_after = minutes(10)}};
  rule.when = "temp > 80 AND flow < 5";
  const std::string stop = R"({"at": "0s", "topic": "flow", "payload": {"flow": 3}}, {"at": "1m", "restart": "stop", "off": "1m"},)";
  CHECK(Run(rule, stop + R"({"at": "3m", "topic": "plant/1", "payload": {"temp": 90}})") == Told{"3m firing"});
  CHECK(Run(rule, stop + R"({"at": "12m", "topic": "plant/1", "payload": {"temp": 90}})").empty());
}

}  // namespace
}  // namespace sluice
