#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/build_rules.h"
#include "config/load.h"
#include "config/show.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

using Json = nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kMain = R"({
  "sources": { "local": { "type": "mqtt", "url": "mqtt://127.0.0.1", "subscribe": { "plant/#": {} } } },
  "sinks": { "copy": { "type": "file", "path": "/tmp/x" } },
  "routes": [ { "name": "all", "match": [ "plant/#", "$sluice/#" ], "to": "copy" } ]
})";

const Json kHot = {{"alert", "Hot"}, {"match", "plant/{site}/press/{press}"}, {"when", "temp > 80"}};
const Json kSilent = {{"alert", "Silent"}, {"match", "plant/{site}/press/{press}"}, {"absent_for", "5m"}};

std::string WithRules(const Json& rules) {
  Json json = Json::parse(kMain);
  json["rules"] = rules;
  return json.dump(1);
}

LoadedConfig Load(const std::string& text, ReferenceMode mode = ReferenceMode::kCheckOnly) {
  TempDir dir;
  return LoadConfig(dir.Write("sluice.json", text), mode);
}

LoadedConfig LoadRule(const Json& rule) {
  return Load(WithRules(Json::array({rule})));
}

Json With(Json rule, const std::string& key, const Json& value) {
  rule[Json::json_pointer("/" + key)] = value;
  return rule;
}

Json Without(Json rule, const char* key) {
  rule.erase(key);
  return rule;
}

const Mistake* Find(const std::vector<Mistake>& mistakes, const std::string& text) {
  auto it = std::find_if(mistakes.begin(), mistakes.end(), [&](const Mistake& m) { return m.message.find(text) != std::string::npos; });
  return it == mistakes.end() ? nullptr : &*it;
}

std::string AllOf(const std::vector<Mistake>& mistakes) {
  std::string all;
  for (const Mistake& mistake : mistakes) all += FormatMistake(mistake) + "\n";
  return all;
}

std::vector<std::string> Alerts(const Config& config) {
  std::vector<std::string> names;
  for (const RuleConfig& rule : config.rules) names.push_back(rule.alert);
  return names;
}

TEST_CASE("rules config: what a rule does not say has its default") {
  const LoadedConfig loaded = LoadRule(kHot);
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK_MESSAGE(loaded.warnings.empty(), AllOf(loaded.warnings));
  REQUIRE(loaded.config.rules.size() == 1);
  const RuleConfig& rule = loaded.config.rules[0];
  CHECK(rule.alert == "Hot");
  CHECK(rule.enabled);
  CHECK(rule.match == std::vector<std::string>{"plant/{site}/press/{press}"});
  CHECK(!rule.by);
  CHECK(rule.inputs.empty());
  CHECK(rule.when == "temp > 80");
  CHECK(rule.clear_when.empty());
  CHECK(rule.for_at_least == Duration(0));
  CHECK(rule.keep_firing_for == Duration(0));
  CHECK(!rule.absent_for);
  CHECK(!rule.count_blind_time);
  CHECK(rule.min_samples == 0);
  CHECK(rule.max_keys == 10'000);
  CHECK(rule.max_samples == 10'000);
  CHECK(rule.max_per_minute == 60);
}

constexpr const char* kFullRules = R"json([
  { "alert": "PressOverheating", "enabled": false, "match": [ "plant/{site}/press/{press}/a", "plant/{site}/press/{press}/b" ],
    "by": [ "site", "press" ],
    "inputs": { "t_slope": "deriv(temp, 1m)",
                "inlet": { "value": "avg(temp, 30s)", "match": "plant/{site}/cooling", "stale_after": "2m", "min_samples": 3 },
                "level": { "value": "last(level, 1m)", "min_samples": 2 } },
    "when": "t_slope > 0.01 AND inlet > 30 AND level < 2", "clear_when": "inlet < 25", "for": "30s", "keep_firing_for": "1m",
    "min_samples": 5, "labels": { "severity": "critical" }, "annotations": { "summary": "Press {press} at {inlet} C" },
    "max_keys": 7, "max_samples": 8, "max_per_minute": 9 },
  { "alert": "Silent", "match": "plant/{site}/press/{press}", "by": "site", "absent_for": "5m",
    "expect": [ { "site": "graz" }, { "site": "linz" } ], "count_blind_time": true, "keep_firing_for": "10s" }
])json";

TEST_CASE("rules config: what a rule says is read") {
  const LoadedConfig loaded = Load(WithRules(Json::parse(kFullRules)));
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  REQUIRE(loaded.config.rules.size() == 2);
  const RuleConfig& hot = loaded.config.rules[0];
  CHECK(!hot.enabled);
  CHECK(hot.match.size() == 2);
  CHECK(*hot.by == std::vector<std::string>{"site", "press"});
  CHECK(hot.clear_when == "inlet < 25");
  CHECK(hot.for_at_least == seconds(30));
  CHECK(hot.keep_firing_for == minutes(1));
  CHECK(hot.min_samples == 5);
  CHECK(hot.labels.at("severity") == "critical");
  CHECK(hot.annotations.at("summary") == "Press {press} at {inlet} C");
  CHECK(hot.max_keys == 7);
  CHECK(hot.max_samples == 8);
  CHECK(hot.max_per_minute == 9);
  REQUIRE(hot.inputs.size() == 3);
  const auto inlet = std::find_if(hot.inputs.begin(), hot.inputs.end(), [](const RuleInputConfig& input) { return input.name == "inlet"; });
  REQUIRE(inlet != hot.inputs.end());
  CHECK(inlet->value == "avg(temp, 30s)");
  CHECK(inlet->match == std::vector<std::string>{"plant/{site}/cooling"});
  CHECK(inlet->stale_after == minutes(2));
  CHECK(inlet->min_samples == 3);
  const RuleConfig& silent = loaded.config.rules[1];
  CHECK(*silent.by == std::vector<std::string>{"site"});
  CHECK(silent.absent_for == minutes(5));
  CHECK(silent.expect == std::vector<std::map<std::string, std::string>>{{{"site", "graz"}}, {{"site", "linz"}}});
  CHECK(silent.count_blind_time);
}

TEST_CASE("rules config: inputs keep the order in which they are written") {
  TempDir dir;
  dir.Write("rules.d/a.json", R"([ { "alert": "A", "match": "plant/{x}", "inputs": { "b": "t", "a": "u" }, "when": "a > b" } ])");
  const LoadedConfig loaded = LoadConfig(dir.Write("sluice.json", kMain), ReferenceMode::kCheckOnly);
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  REQUIRE(loaded.config.rules.at(0).inputs.size() == 2);
  CHECK(loaded.config.rules[0].inputs[0].name == "b");
}

TEST_CASE("rules config: what is shown reads back the same, defaults filled in") {
  const LoadedConfig full = Load(WithRules(Json::parse(kFullRules)));
  const LoadedConfig plain = LoadRule(kHot);
  for (const LoadedConfig* loaded : {&full, &plain}) {
    const std::string shown = ShowConfig(loaded->config);
    const LoadedConfig again = Load(shown);
    CHECK_MESSAGE(again.mistakes.empty(), AllOf(again.mistakes));
    CHECK(ShowConfig(again.config) == shown);
  }
  Json expected = Json::parse(kFullRules);
  expected[0]["inputs"]["inlet"]["match"] = {"plant/{site}/cooling"};
  expected[1].update({{"enabled", true},
                      {"match", {"plant/{site}/press/{press}"}},
                      {"by", {"site"}},
                      {"max_keys", 10'000},
                      {"max_samples", 10'000},
                      {"max_per_minute", 60}});
  CHECK(Json::parse(ShowConfig(full.config))["rules"] == expected);
  const Json shown = Json::parse(ShowConfig(plain.config))["rules"][0];
  CHECK(shown["enabled"] == true);
  CHECK(shown["for"] == "0s");
  CHECK(shown["max_keys"] == 10'000);
}

TEST_CASE("rules config: every mistake in a rule is told at its place") {
  struct Bad {
    Json rule;
    const char* pointer;  ///< Within the rule.
    const char* told;
  };
  const Json filters = {"plant/{x}", "a/#/b", "$sluice/gaps"};
  for (const Bad& bad :
       {Bad{"x", "", "an object `{...}` is expected"},
        {Without(kHot, "alert"), "", "`alert` is missing"},
        {With(kHot, "alert", "Press hot"), "/alert", "an alert's name has 1 to 32"},
        {With(kHot, "alert", ""), "/alert", "an alert's name has 1 to 32"},
        {Without(kHot, "match"), "", "`match` is missing"},
        {With(kHot, "match", Json::array()), "/match", "one topic filter at least"},
        {With(kHot, "match", "a/#/b"), "/match", "`a/#/b`: `#` must be the last level"},
        {With(kHot, "match", filters), "/match/1", "`a/#/b`: `#` must be the last level"},
        {With(kHot, "match", filters), "/match/2", "rules do not look at its events"},
        {With(kHot, "match", "$sluice/#"), "/match", "rules do not look at its events"},
        {With(kHot, "by", 3), "/by", "is expected here"},
        {With(kHot, "by", Json::array({"site", "press", "site"})), "/by", "`site` stands here twice"},
        {With(kHot, "by", "alertname"), "/by", "`by` cannot have that name"},
        {With(kHot, "enabled", "yes"), "/enabled", "true or false"},
        {With(kHot, "inputs", {{"a-b", "temp"}}), "/inputs/a-b", "an input's name has letters"},
        {With(kHot, "inputs", {{"1a", "temp"}}), "/inputs/1a", "an input's name has letters"},
        {With(kHot, "inputs", {{"a", 1}}), "/inputs/a", "an expression or an object"},
        {With(kHot, "inputs", {{"a", ""}}), "/inputs/a", "an expression is missing"},
        {With(kHot, "inputs", {{"a", "${nope}"}}), "/inputs/a", "${nope}"},
        {With(kHot, "inputs", {{"a", {{"match", "plant/x"}}}}), "/inputs/a", "`value` is missing"},
        {With(kHot, "inputs", {{"a", {{"value", ""}}}}), "/inputs/a/value", "an expression is missing"},
        {With(kHot, "inputs", {{"a", {{"value", "t"}, {"match", {"x", "a+"}}}}}), "/inputs/a/match/1", "a wildcard stands alone"},
        {With(kHot, "inputs", {{"a", {{"value", "t"}, {"match", "$sluice/status"}}}}), "/inputs/a/match", "rules do not look"},
        {With(kHot, "inputs", {{"a", {{"value", "t"}, {"stale_after", "1m"}}}}), "/inputs/a/stale_after", "only with `match`"},
        {With(kHot, "inputs", {{"a", {{"value", "t"}, {"match", "x"}, {"stale_after", "31d"}}}}), "/inputs/a/stale_after",
         "a duration from 1s to 30d"},
        {With(kHot, "inputs", {{"a", {{"value", "t"}, {"min_samples", 0}}}}), "/inputs/a/min_samples", "a number from 1 to 100000"},
        {With(kHot, "inputs", {{"a", {{"value", "t"}, {"min_samples", 10'001}}}}), "/inputs/a/min_samples", "more than `max_samples`"},
        {With(kHot, "inputs", {{"a", {{"value", "t"}, {"min_sample", 3}}}}), "/inputs/a/min_sample", "Did you mean `min_samples`?"},
        {Without(kHot, "when"), "", "a rule needs `when`"},
        {With(kHot, "when", ""), "/when", "an expression is missing"},
        {With(kHot, "absent_for", "5m"), "/absent_for", "not both"},
        {With(kHot, "clear_when", ""), "/clear_when", "an expression is missing"},
        {With(kHot, "for", "soon"), "/for", "`soon` is not a duration"},
        {With(kHot, "for", "31d"), "/for", "a duration from 0s to 30d"},
        {With(kHot, "keep_firing_for", "31d"), "/keep_firing_for", "a duration from 0s to 30d"},
        {With(kHot, "keep_firing", "1m"), "/keep_firing", "Did you mean `keep_firing_for`?"},
        {With(kHot, "expr", "t > 1"), "/expr", "the key `expr` is not known here"},
        {With(kHot, "expect", Json::array()), "/expect", "only with `absent_for`"},
        {With(kHot, "count_blind_time", false), "/count_blind_time", "only with `absent_for`"},
        {With(kSilent, "absent_for", "0s"), "/absent_for", "a duration from 1s to 30d"},
        {With(kSilent, "for", "1m"), "/for", "`absent_for` is the time already"},
        {With(kSilent, "clear_when", "t < 1"), "/clear_when", "only with `when`"},
        {With(kSilent, "expect", {{{"site", "graz"}}}), "/expect/0", "the value of `press` is missing"},
        {With(kSilent, "expect", {{{"site", "graz"}, {"pres", "1"}, {"press", "1"}}}), "/expect/0/pres", "Did you mean `press`?"},
        {With(kSilent, "expect", {{{"site", "graz"}, {"press", 1}}}), "/expect/0/press", "a string is expected"},
        {With(With(kSilent, "by", "site"), "expect", {{{"press", "1"}}}), "/expect/0/press", "`press` is none of the names of `by`"},
        {With(kSilent, "expect", {"graz"}), "/expect/0", "an object `{...}` is expected"},
        {With(kHot, "labels", {{"a-b", "x"}}), "/labels/a-b", "a name has letters"},
        {With(kHot, "labels", {{"alertname", "x"}}), "/labels/alertname", "the label `alertname` is the rule's `alert`"},
        {With(kHot, "labels", {{"a", 1}}), "/labels/a", "a string is expected"},
        {With(kHot, "annotations", {{"a.b", "x"}}), "/annotations/a.b", "a name has letters"},
        {With(kHot, "min_samples", 100'001), "/min_samples", "a number from 1 to 100000"},
        {With(kHot, "min_samples", 10'001), "/min_samples", "more than `max_samples`, 10000"},
        {With(kHot, "max_keys", 0), "/max_keys", "a number from 1 to 1000000"},
        {With(kHot, "max_samples", 1), "/max_samples", "a number from 2 to 1000000"},
        {With(kHot, "max_per_minute", 100'001), "/max_per_minute", "a number from 1 to 100000"}}) {
    const LoadedConfig loaded = LoadRule(bad.rule);
    const Mistake* mistake = Find(loaded.mistakes, bad.told);
    REQUIRE_MESSAGE(mistake != nullptr, bad.rule.dump(), "\n", bad.told, "\n", AllOf(loaded.mistakes));
    CHECK_MESSAGE(mistake->pointer == std::string("/rules/0") + bad.pointer, FormatMistake(*mistake));
    CHECK(mistake->place.line > 0);
  }
}

TEST_CASE("rules config: a mistake has the file, line and column of its value") {
  TempDir dir;
  const std::string path = dir.Write("sluice.json", kMain);
  dir.Write("rules.d/press.json", "[ { \"alert\": \"Hot\",\n    \"match\": [ \"plant/a\", \"a+\" ], \"when\": \"t > 1\" } ]");
  const LoadedConfig loaded = LoadConfig(path, ReferenceMode::kCheckOnly);
  REQUIRE(loaded.mistakes.size() == 1);
  CHECK(FormatMistake(loaded.mistakes[0]).starts_with(dir.Path("rules.d/press.json:2:27: /rules/0/match/1: ")));
}

TEST_CASE("rules config: what is wrong with an expression or a template is told at it, or at what it is a part of") {
  std::vector<Mistake> none;
  const JsonNode rule =
      ParseJson("{ \"when\": \"t >\",\n  \"inputs\": { \"a\": \"avg(\" },\n  \"labels\": { \"x\": \"{nope}\" } }", "f", none);
  Findings findings;
  TellRuleMistakes(rule, "/rules/4",
                   {{"when", "one", false},
                    {"inputs/a", "two", true},
                    {"inputs/a/value", "three", false},
                    {"labels/x", "four", false},
                    {"by/0", "five", false},
                    {"", "six", false}},
                   findings);
  CHECK(AllOf(findings.mistakes) ==
        "f:1:11: /rules/4/when: one\nf:2:20: /rules/4/inputs/a: three\nf:3:20: /rules/4/labels/x: four\nf:1:1: /rules/4: five\nf:1:1: "
        "/rules/4: six\n");
  CHECK(AllOf(findings.warnings) == "f:2:20: /rules/4/inputs/a: two\n");
}

TEST_CASE("rules config: a name that two alerts have is a mistake that says it") {
  const LoadedConfig loaded = Load(WithRules({kHot, kSilent, kHot}));
  REQUIRE(loaded.mistakes.size() == 1);
  CHECK(loaded.mistakes[0].pointer == "/rules/2/alert");
  CHECK(loaded.mistakes[0].message.find("`Hot`") != std::string::npos);
}

TEST_CASE("rules config: check does not judge what a reference stands for; a run does") {
  const std::string at = "${env:SLUICE_TEST_NO_SUCH_LINE}";
  const Json hot = {{"alert", "Hot-" + at},
                    {"match", "plant/" + at + "/{press}"},
                    {"by", at},
                    {"inputs", {{"a", at}, {"b", {{"value", at}, {"match", at}, {"stale_after", at}}}}},
                    {"when", "a > " + at},
                    {"clear_when", at},
                    {"for", at},
                    {"labels", {{"line", at}}}};
  const Json silent = {{"alert", "Silent"}, {"match", "plant/" + at + "/{press}"}, {"absent_for", at}, {"expect", {{{"press", at}}}}};
  for (const Json& rule : {hot, silent}) {
    const LoadedConfig checked = LoadRule(rule);
    CHECK_MESSAGE(checked.mistakes.empty(), AllOf(checked.mistakes));
    CHECK_MESSAGE(checked.warnings.empty(), AllOf(checked.warnings));
    CHECK(Find(Load(WithRules(Json::array({rule})), ReferenceMode::kResolve).mistakes, "SLUICE_TEST_NO_SUCH_LINE") != nullptr);
  }
}

TEST_CASE("rules config: files of rules.d come after the other rules, in name order") {
  TempDir dir;
  const std::string path = dir.Write("sluice.json", WithRules(Json::array({kHot})));
  dir.Write("rules.d/20-b.json", Json{{"rules", Json::array({With(kHot, "alert", "Fourth")})}}.dump());
  dir.Write("rules.d/10-a.json", "// Presses\n" + Json::array({With(kHot, "alert", "Third")}).dump());
  dir.Write("rules.d/15-none.json", "[]");
  dir.Write("rules.d/notes.txt", "not JSON");
  dir.Write("conf.d/90-z.json", Json{{"rules", Json::array({With(kHot, "alert", "Second")})}}.dump());
  LoadedConfig loaded = LoadConfig(path, ReferenceMode::kCheckOnly);
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK(Alerts(loaded.config) == std::vector<std::string>{"Hot", "Second", "Third", "Fourth"});

  dir.Write("rules.d/30-c.json", Json::array({With(kHot, "alert", "Third")}).dump());
  loaded = LoadConfig(path, ReferenceMode::kCheckOnly);
  REQUIRE(loaded.mistakes.size() == 1);
  CHECK(FormatMistake(loaded.mistakes[0]).find("30-c.json:1:") != std::string::npos);
}

TEST_CASE("rules config: a file of rules.d holds rules and nothing else") {
  struct Bad {
    std::string text;
    const char* told;
  };
  for (const Bad& bad : {Bad{R"({ "rules": [], "routes": [] })", "the key `routes` is not known here"},
                         {R"({ "rule": [] })", "Did you mean `rules`?"},
                         {"{}", "the key `rules` is missing"},
                         {R"({ "rules": {} })", "an array `[...]` is expected"},
                         {"3", "an object `{...}` is expected"},
                         {"[ { ", ""},
                         {"", ""}}) {
    TempDir dir;
    const std::string path = dir.Write("sluice.json", kMain);
    dir.Write("rules.d/bad.json", bad.text);
    const LoadedConfig loaded = LoadConfig(path, ReferenceMode::kCheckOnly);
    REQUIRE_MESSAGE(!loaded.mistakes.empty(), bad.text);
    CHECK_MESSAGE(Find(loaded.mistakes, bad.told) != nullptr, bad.text, "\n", AllOf(loaded.mistakes));
    for (const Mistake& mistake : loaded.mistakes)
      CHECK_MESSAGE(mistake.place.file == dir.Path("rules.d/bad.json"), FormatMistake(mistake));
  }
}

/// The pointers of the warnings that hold `text`.
std::vector<std::string> Warned(const Json& config, const char* text) {
  const LoadedConfig loaded = Load(config.dump());
  CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  std::vector<std::string> pointers;
  for (const Mistake& warning : loaded.warnings) {
    if (warning.message.find(text) != std::string::npos) pointers.push_back(warning.pointer);
  }
  return pointers;
}

TEST_CASE("rules config: it is a warning that no source subscribes to what a rule or an input looks at") {
  using Pointers = std::vector<std::string>;
  const char* text = "no source subscribes to `";
  Json config = Json::parse(WithRules({kSilent, With(kHot, "match", "energy/{meter}")}));
  CHECK(Warned(config, text) == Pointers{"/rules/1/match"});
  config["rules"][1] = With(kHot, "inputs", {{"a", {{"value", "t"}, {"match", "energy/x"}}}, {"b", "u"}});
  config["rules"][1]["when"] = "a > b";
  CHECK(Warned(config, text) == Pointers{"/rules/1/inputs/a/match"});
  config["sources"]["local"]["subscribe"] = {{"plant/+/press/1", Json::object()}, {"$share/gw/energy/#", Json::object()}};
  CHECK(Warned(config, text) == Pointers{});
  config["sources"]["local"]["subscribe"] = {{"${env:SLUICE_TEST_NO_SUCH_LINE}/#", Json::object()}};
  CHECK(Warned(config, text) == Pointers{});
}

TEST_CASE("rules config: a name that is nearly one of the rule is warned about, once") {
  const Json rule = With(With(kHot, "inputs", {{"t_avg", "avg(temp, 30s)"}}), "when", "t_avgg > 80");
  CHECK(Warned(Json::parse(WithRules(Json::array({rule}))), "Did you mean `t_avg`?") == std::vector<std::string>{"/rules/0/when"});
}

TEST_CASE("rules config: inputs that double each other do not grow without bound") {
  Json inputs = {{"z", "temp"}};
  for (char name = 'a'; name < 'z'; ++name) {
    const std::string next(1, static_cast<char>(name + 1));
    inputs[std::string(1, name)] = next + " + " + next;
  }
  const LoadedConfig loaded = LoadRule(With(kHot, "inputs", inputs));
  REQUIRE(loaded.mistakes.size() == 1);
  CHECK_MESSAGE(Find(loaded.mistakes, "the rule is too complex") != nullptr, AllOf(loaded.mistakes));
}

TEST_CASE("rules config: it is a warning that no route takes the alerts of a rule that runs") {
  using Pointers = std::vector<std::string>;
  const char* text = "would go nowhere: no route takes $sluice/alerts/Hot; add \"$sluice/#\"";
  Json config = Json::parse(WithRules(Json::array({kHot})));
  const auto with_match = [&](const Json& match) {
    config["routes"][0]["match"] = match;
    return Warned(config, text);
  };
  CHECK(with_match({"plant/#", "$sluice/gaps"}) == Pointers{"/routes"});
  CHECK(with_match({"plant/#", "$sluice/alerts/Cold"}) == Pointers{"/routes"});
  CHECK(with_match({"plant/#", "$sluice/alerts/Hot"}) == Pointers{});
  CHECK(with_match({"plant/#", "$sluice/#"}) == Pointers{});
  config["rules"][0]["enabled"] = false;
  CHECK(with_match({"plant/#", "$sluice/gaps"}) == Pointers{});
}

}  // namespace
}  // namespace sluice
