// Topics, templates and routes.
#include <doctest/doctest.h>

#include <random>

#include "gateway/explain.h"
#include "gateway/router.h"
#include "gateway/template.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

bool Matches(const std::string& filter, const std::string& topic) {
  Captures captures;
  return TopicFilter::Parse(filter)->Matches(topic, captures);
}

TEST_CASE("topic filter: matches as MQTT 5.0 section 4.7 says") {
  for (const auto& [filter, topic] :
       std::vector<std::pair<std::string, std::string>>{{"sport/tennis/player1/#", "sport/tennis/player1"},
                                                        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"},
                                                        {"#", "sport"},
                                                        {"#", "/"},
                                                        {"sport/tennis/+", "sport/tennis/player1"},
                                                        {"sport/+", "sport/"},
                                                        {"+/+", "/finance"},
                                                        {"/+", "/finance"},
                                                        {"+/tennis/#", "sport/tennis"},
                                                        {"$SYS/#", "$SYS/monitor"},
                                                        {"a/{x}/c", "a/b/c"},
                                                        {"a/b", "a/b"}}) {
    CHECK_MESSAGE(Matches(filter, topic), filter, " ", topic);
  }
  for (const auto& [filter, topic] : std::vector<std::pair<std::string, std::string>>{{"sport/tennis/+", "sport/tennis/player1/ranking"},
                                                                                      {"sport/+", "sport"},
                                                                                      {"+", "/finance"},
                                                                                      {"#", "$SYS/monitor"},
                                                                                      {"+/monitor", "$SYS/monitor"},
                                                                                      {"{x}/monitor", "$SYS/monitor"},
                                                                                      {"a/b", "A/b"},
                                                                                      {"a/b", "a/b/"},
                                                                                      {"a/#", "ab"}}) {
    CHECK_MESSAGE(!Matches(filter, topic), filter, " ", topic);
  }
}

TEST_CASE("topic filter: what is not one is refused with the reason") {
  for (const char* text : {"", "a/#/b", "a#", "a/+b", "{x}/{x}", "{}", "{1}", "a{x}", "{a-b}"})
    CHECK_MESSAGE(!TopicFilter::Parse(text), text);
  CHECK(!TopicFilter::Parse(std::string_view("a\0b", 3)));
  CHECK(!TopicFilter::Parse(std::string(65'536, 'a')));
}

// Every topic of up to three levels over {a, b, ""}.
std::vector<std::string> SmallTopics() {
  std::vector<std::string> topics;
  const std::string levels[] = {"a", "b", ""};
  for (const auto& x : levels) {
    topics.push_back(x);
    for (const auto& y : levels) {
      topics.push_back(x + "/" + y);
      for (const auto& z : levels) topics.push_back(x + "/" + y + "/" + z);
    }
  }
  return topics;
}

// And every filter of up to three levels.
std::vector<std::string> SmallFilters() {
  const std::string levels[] = {"a", "b", "+", "#", ""};
  std::vector<std::string> filters;
  for (const auto& x : levels) {
    filters.push_back(x);
    for (const auto& y : levels) {
      filters.push_back(x + "/" + y);
      for (const auto& z : {"a", "+", "#"}) filters.push_back(x + "/" + y + "/" + z);
    }
  }
  std::erase_if(filters, [](const std::string& f) { return !TopicFilter::Parse(f); });
  return filters;
}

TEST_CASE("topic filter: two overlap exactly if some topic matches both, one covers another exactly if it matches all of its topics") {
  const std::vector<std::string> filters = SmallFilters();
  const std::vector<std::string> topics = SmallTopics();
  for (const std::string& a : filters) {
    for (const std::string& b : filters) {
      const bool some = std::any_of(topics.begin(), topics.end(), [&](const std::string& t) { return Matches(a, t) && Matches(b, t); });
      CHECK_MESSAGE(TopicFilter::Parse(a)->Overlaps(*TopicFilter::Parse(b)) == some, a, " ", b);
      const bool all = std::all_of(topics.begin(), topics.end(), [&](const std::string& t) { return Matches(a, t) || !Matches(b, t); });
      CHECK_MESSAGE(TopicFilter::Parse(a)->Covers(*TopicFilter::Parse(b)) == all, a, " ", b);
    }
  }
}

std::string Render(const std::string& text) {
  const auto resolve = [](std::string_view name) -> std::optional<std::size_t> {
    if (name == "a") return 0;
    return std::nullopt;
  };
  Result<Template> parsed = Template::Parse(text, resolve);
  if (!parsed) return "error: " + parsed.error().message;
  std::string out;
  parsed->Render(out, [](std::string& to, std::size_t) { to += "X"; });
  return out;
}

TEST_CASE("template: names are replaced, double braces are braces, mistakes are told with their place") {
  CHECK(Render("p.{a}.{a}q") == "p.X.Xq");
  CHECK(Render("{{a}}{a}") == "{a}X");
  CHECK(Render("") == "");
  CHECK(Render("x{b}") == "error: nothing is named `{b}` at character 2");
  CHECK(Render("x{a").find("character 2") != std::string::npos);
  CHECK(Render("x}y").find("character 2") != std::string::npos);
  std::mt19937 random(3);
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    for (std::uint64_t n = random() % 12; n > 0; --n) text += "{}a.b"[random() % 5];
    (void)Render(text);
  }
}

Config MakeConfig(std::vector<RouteConfig> routes) {
  Config config;
  config.gateway.id = "gw";
  config.sinks.resize(2);
  config.sinks[0].name = "cloud";
  config.sinks[0].type = SinkType::kKafka;
  config.sinks[1].name = "copy";
  config.routes = std::move(routes);
  return config;
}

std::vector<Routed> Route(const Config& config, const std::string& topic) {
  Event event;
  event.topic = topic;
  std::vector<Routed> routed;
  Router::Create(config)->Route(event, "local", routed);
  return routed;
}

TEST_CASE("router: what an exception matches is not for its route, and goes on to later ones") {
  RouteConfig route{.name = "most", .match = {"a/#"}, .except = {"a/secret/#", "+/+/raw"}, .key = "", .to = {{"copy", "x"}}};
  RouteConfig rest{.name = "rest", .match = {"a/secret/#"}, .except = {}, .key = "", .to = {{"copy", "y"}}};
  const Config config = MakeConfig({route, rest});
  CHECK(Route(config, "a/b")[0].destination == "x");
  CHECK(Route(config, "a/secret/1")[0].destination == "y");
  CHECK(Route(config, "a/b/raw").empty());
  route.except = {"a/{x}"};
  CHECK(!Router::Create(MakeConfig({route})));
}

TEST_CASE("router: what no route matches goes where `unrouted` says, and only that") {
  Config config =
      MakeConfig({RouteConfig{.name = "r", .match = {"a/#"}, .except = {}, .key = "", .to = {{"copy", "x"}}, .continue_after = true}});
  config.unrouted = {{"copy", "lost.{topic}"}};
  CHECK(Route(config, "a/b").size() == 1);
  CHECK(Route(config, "a/b")[0].destination == "x");
  REQUIRE(Route(config, "b").size() == 1);
  CHECK(Route(config, "b")[0].destination == "lost.b");
}

TEST_CASE("explain: says who subscribes, which routes take the event, and where it goes") {
  Config config = MakeConfig(
      {RouteConfig{.name = "presses", .match = {"plant/{site}/press/#"}, .except = {}, .key = "{site}", .to = {{"cloud", "p.{site}"}}}});
  MqttSourceConfig source;
  source.name = "local";
  source.subscribe = {{"plant/#", 1}};
  config.sources = {source};
  CHECK(
      *Explain(config, "plant/graz/press/1") ==
      "topic   plant/graz/press/1\nsource  local (subscribed by plant/#, QoS 1)\nroute   presses\nto      cloud, topic p.graz, key graz\n");
  CHECK(Explain(config, "x")->find("no source subscribes") != std::string::npos);
  CHECK(Explain(config, "x")->find("counted as unrouted") != std::string::npos);
  CHECK(!Explain(config, "plant/#"));
  CHECK(!Explain(config, ""));
}

TEST_CASE("explain: an event for Kinesis goes to the configured stream, unless the route names another") {
  Config config = MakeConfig({RouteConfig{.name = "raw", .match = {"#"}, .except = {}, .key = "", .to = {{"lake", ""}}}});
  SinkConfig& lake = config.sinks.emplace_back();
  lake.name = "lake";
  lake.type = SinkType::kKinesis;
  lake.kinesis.stream = "raw";
  CHECK(Explain(config, "a")->find("to      lake, stream raw, key a") != std::string::npos);
  config.routes[0].to[0].destination = "other";
  CHECK(Explain(config, "a")->find("to      lake, stream other, key a") != std::string::npos);
}

RouteConfig MakeRoute(std::vector<std::string> match, std::vector<RouteTarget> to, std::string key = "", bool go_on = false) {
  return {.name = "r", .match = std::move(match), .except = {}, .key = std::move(key), .to = std::move(to), .continue_after = go_on};
}

TEST_CASE("router: the first route that matches wins, and what none matches goes nowhere") {
  const Config config =
      MakeConfig({MakeRoute({"a/b"}, {{"cloud", "first"}}), MakeRoute({"a/#", "c/#"}, {{"cloud", "second"}, {"copy", ""}})});
  CHECK(Route(config, "a/b").size() == 1);
  CHECK(Route(config, "a/b")[0].destination == "first");
  CHECK(Route(config, "a/x").size() == 2);
  CHECK(Route(config, "c")[0].destination == "second");
  CHECK(Route(config, "d").empty());
}

TEST_CASE("router: after a route with `continue` later ones are looked at, but a sink gets an event once") {
  const Config config =
      MakeConfig({MakeRoute({"a/#", "+/x"}, {{"copy", ""}}, "", true), MakeRoute({"#"}, {{"cloud", "t"}, {"copy", "other"}})});
  const std::vector<Routed> routed = Route(config, "a/x");
  REQUIRE(routed.size() == 2);
  CHECK(routed[0].sink == 1);
  CHECK(routed[0].destination.empty());
  CHECK(routed[1].sink == 0);
}

TEST_CASE("router: named wildcards, source and gateway fill templates; what Kafka does not allow in a topic becomes _") {
  const Config config = MakeConfig(
      {MakeRoute({"plant/{site}/{machine}/#"}, {{"cloud", "p.{site}.{gateway.id}"}, {"copy", "{topic}|{source}"}}, "{site}/{machine}")});
  const std::vector<Routed> routed = Route(config, "plant/gr az\xc3\xa9/m#1/temp");
  REQUIRE(routed.size() == 2);
  CHECK(routed[0].destination == "p.gr_az__.gw");
  CHECK(routed[0].key == "gr az\xc3\xa9/m#1");
  CHECK(routed[1].destination == "plant/gr az\xc3\xa9/m#1/temp|local");
}

TEST_CASE("router: without a key template the topic is the key") {
  CHECK(!Route(MakeConfig({MakeRoute({"#"}, {{"copy", ""}})}), "a")[0].key.has_value());
}

}  // namespace
}  // namespace sluice
