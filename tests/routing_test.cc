// Topics, templates and routes.
#include <doctest/doctest.h>

#include <random>
#include <tuple>

#include "gateway/destinations.h"
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
  const auto resolve = [](std::string_view name) -> std::optional<Template::Name> {
    if (name == "a") return std::size_t{0};
    if (name == "c") return "{always}";
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
  CHECK(Render("p.{c}.{a}") == "p.{always}.X");
  CHECK(Render("${env:b}.{a}${b") == "${env:b}.X${b");
  CHECK(Render("") == "");
  CHECK(Render("x{b}") == "error: nothing is named `{b}` at character 2");
  CHECK(Render("x{a").find("character 2") != std::string::npos);
  CHECK(Render("x}y").find("character 2") != std::string::npos);
  std::mt19937 random(3);
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    for (std::uint64_t n = random() % 12; n > 0; --n) text += "{}a.b$"[random() % 6];
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

std::vector<Routed> Route(const Config& config, const std::string& topic, const std::string& payload = "") {
  Event event;
  event.topic = topic;
  event.payload = payload;
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

TEST_CASE("router: an event for which a condition is not true, or not known, goes on to later routes") {
  RouteConfig hot{.name = "hot", .match = {"plant/{site}/#"}, .except = {}, .key = "", .to = {{"copy", "x"}}};
  hot.when = "temp > 80 AND site = 'graz'";
  const Config config = MakeConfig({hot, {.name = "rest", .match = {"#"}, .except = {}, .key = "", .to = {{"copy", "y"}}}});
  const auto where = [&](const std::string& topic, const std::string& payload) { return Route(config, topic, payload)[0].destination; };
  CHECK(where("plant/graz/1", R"({"temp": 81})") == "x");
  for (const char* payload : {R"({"temp": 80})", R"({"temp": "ERR"})", R"({"temp": null})", "{}", "no json", ""}) {
    CAPTURE(payload);
    CHECK(where("plant/graz/1", payload) == "y");
  }
  CHECK(where("plant/linz/1", R"({"temp": 81})") == "y");
}

TEST_CASE("router: an event that a route with a condition takes is not for later ones, unless it says so") {
  RouteConfig hot{.name = "hot", .match = {"#"}, .except = {}, .key = "", .to = {{"cloud", "x"}}};
  hot.when = "temp > 80";
  const RouteConfig rest{.name = "rest", .match = {"#"}, .except = {}, .key = "", .to = {{"copy", "y"}}};
  CHECK(Route(MakeConfig({hot, rest}), "a", R"({"temp": 81})").size() == 1);
  hot.continue_after = true;
  CHECK(Route(MakeConfig({hot, rest}), "a", R"({"temp": 81})").size() == 2);
}

TEST_CASE("router: conditions and templates read a payload in the format of its event, and else as JSON") {
  RouteConfig hot{.name = "hot", .match = {"#"}, .except = {}, .key = "{payload.meta.site}", .to = {{"copy", "x"}}};
  hot.when = "temp > 80";
  RouteConfig bare{.name = "bare", .match = {"#"}, .except = {}, .key = "", .to = {{"copy", "v.{payload.value}"}}};
  bare.when = "value > 20";
  const Result<Router> router = Router::Create(MakeConfig({hot, bare}));
  const auto routed = [&](const std::string& payload, PayloadFormat format) {
    Event event;
    event.topic = "a";
    event.payload = payload;
    event.format = format;
    std::vector<Routed> to;
    router->Route(event, "local", to);
    return to.empty() ? "nowhere" : to[0].destination + " " + to[0].key.value_or("");
  };
  const std::string cbor = "\xa2\x64temp\x18\x51\x64meta\xa1\x64site\x64graz";
  const std::string message_pack = "\x82\xa4temp\x51\xa4meta\x81\xa4site\xa4graz";
  CHECK(routed(cbor, PayloadFormat::kCbor) == "x graz");
  CHECK(routed(message_pack, PayloadFormat::kMessagePack) == "x graz");
  CHECK(routed(cbor, PayloadFormat::kJson) == "nowhere");
  CHECK(routed(cbor, PayloadFormat::kMessagePack) == "nowhere");
  CHECK(routed("\x18\x19", PayloadFormat::kCbor) == "v.25 ");
  CHECK(routed(" 23.5\n", PayloadFormat::kJson) == "v.23.5 ");
  CHECK(routed("23.5", PayloadFormat::kText) == "v.23.5 ");
  CHECK(routed("19.5", PayloadFormat::kText) == "nowhere");
}

Result<std::string> Explained(const Config& config, const std::string& topic, const std::optional<std::string>& payload) {
  Result<Explanation> explanation = Explain(config, topic, payload);
  if (!explanation) return tl::unexpected<Error>(explanation.error());
  return ExplanationText(*explanation);
}

TEST_CASE("explain: reads the payload in the format of the subscription that gets it, and says which") {
  RouteConfig hot{.name = "hot", .match = {"#"}, .except = {}, .key = "", .to = {{"copy", "x"}}};
  hot.when = "value = 25";
  Config config = MakeConfig({hot});
  config.sources.resize(1);
  config.sources[0].name = "local";
  config.sources[0].subscribe = {{"$share/g/a/#", 1, PayloadFormat::kCbor}, {"b/#"}};
  CHECK(Explained(config, "a/1", "\x18\x19")->find("$share/g/a/#, QoS 1, cbor)\nroute   hot") != std::string::npos);
  CHECK(Explained(config, "b/1", "\x18\x19")->find("hot") == std::string::npos);
  CHECK(Explained(config, "b/1", "25")->find("b/#, QoS 1)\nroute   hot") != std::string::npos);
}

TEST_CASE("explain: shows conditions, and with a payload only the routes whose conditions are true") {
  RouteConfig hot{.name = "hot", .match = {"#"}, .except = {}, .key = "", .to = {{"copy", "x"}}};
  hot.when = "meta.temp > 80";
  const Config config = MakeConfig({hot, {.name = "rest", .match = {"#"}, .except = {}, .key = "", .to = {{"copy", "y"}}}});
  const std::string unknown = *Explained(config, "a", {});
  CHECK(unknown.find("route   hot, when meta.temp > 80\nroute   rest\n") != std::string::npos);
  CHECK(unknown.find("its fields are needed: meta.temp") != std::string::npos);
  CHECK(Explained(config, "a", R"({"meta": {"temp": 81}})")->find("rest") == std::string::npos);
  CHECK(Explained(config, "a", R"({"meta": {"temp": 79}})")->find("hot") == std::string::npos);
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
  CHECK(*Explained(config, "plant/graz/press/1", {}) ==
        "topic   plant/graz/press/1\nsource  local (subscribed by plant/#, QoS 1)\nroute   presses\nto      cloud, topic p.graz, key graz, "
        "class normal\n");
  CHECK(Explained(config, "x", {})->find("no source subscribes") != std::string::npos);
  CHECK(Explained(config, "x", {})->find("counted as unrouted") != std::string::npos);
  CHECK(!Explained(config, "plant/#", {}));
  CHECK(!Explained(config, "", {}));
}

TEST_CASE("explain: says what each sink would get, why it would be a dead letter, and which fields it has to know") {
  RouteConfig route{
      .name = "r", .match = {"{a}/#"}, .except = {}, .key = "{payload.id}", .to = {{"cloud", "p.{payload.b.c}"}, {"copy", ""}}};
  route.to[0].headers = {{"site", "{a}"}};
  route.to[0].envelope = Envelope::kNone;
  route.to[1].key = "{a}";
  const Config config = MakeConfig({route});
  const std::string start = "topic   x/y\nsource  none: no source subscribes to this topic\nroute   r\n";
  CHECK(*Explained(config, "x/y", R"({"id":7,"b":{"c":"u v"}})") ==
        start +
            "to      cloud, topic p.u_v, key 7, class normal, envelope none\n        header site: x\nto      copy, key x, class normal\n");
  CHECK(*Explained(config, "x/y", "{}") ==
        start + "to      cloud: a dead letter, no payload field `b.c`\nto      copy, key x, class normal\n");
  CHECK(*Explained(config, "x/y", {}) == start +
                                             "payload name a file with one: its fields are needed: b.c, id\nto      cloud, as the payload "
                                             "says\nto      copy, key x, class normal\n");
}

TEST_CASE("explain: an event for Kinesis goes to the configured stream, unless the route names another") {
  Config config = MakeConfig({RouteConfig{.name = "raw", .match = {"#"}, .except = {}, .key = "", .to = {{"lake", ""}}}});
  SinkConfig& lake = config.sinks.emplace_back();
  lake.name = "lake";
  lake.type = SinkType::kKinesis;
  lake.kinesis.stream = "raw";
  CHECK(Explained(config, "a", {})->find("to      lake, stream raw, key a") != std::string::npos);
  config.routes[0].to[0].destination = "other";
  CHECK(Explained(config, "a", {})->find("to      lake, stream other, key a") != std::string::npos);
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
  const Router router = *Router::Create(config);
  const std::vector<Routed> routed = Route(config, "a/x");
  REQUIRE(routed.size() == 2);
  CHECK(router.lanes()[routed[0].lane].sink == 1);
  CHECK(routed[0].destination.empty());
  CHECK(router.lanes()[routed[1].lane].sink == 0);
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

TEST_CASE("router: labels and the gateway's names fill templates, and leave the destination the same for all events") {
  Config config = MakeConfig({MakeRoute({"{x}/#"}, {{"cloud", "p.{label.site}.{gateway.hostname}"}, {"copy", "{x}"}}, "{label.site}")});
  CHECK(!Router::Create(config));
  config.gateway.labels = {{"site", "graz {north}"}};
  config.gateway.hostname = "box";
  const std::vector<Routed> routed = Route(config, "a/b");
  REQUIRE(routed.size() == 2);
  CHECK(routed[0].destination == "p.graz__north_.box");
  CHECK(routed[0].key == "graz {north}");
  CHECK(!routed[0].is_templated);
  CHECK(routed[1].is_templated);
}

TEST_CASE("router: fields of the payload fill templates, numbers as they stand, strings unescaped") {
  const Config config = MakeConfig({MakeRoute({"#"}, {{"copy", "{payload.meta.site}"}}, "{payload.n}|{payload.on}|{payload.none}")});
  for (const auto& [payload, destination, key] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {R"({"n":1.50,"on":true,"none":null,"meta":{"site":"a\u00e9\"\u0000"}})", "a\xc3\xa9\"_", "1.50|true|null"},
           {R"( { "none" : "x" , "meta" : { "a" : [1,{"site":2}], "site" : 12345678901234567890123 } , "on" : -1e+5 , "n" : 0 } )",
            "12345678901234567890123", "0|-1e+5|x"},
           {R"({"n":1,"n":2,"on":"","none":"","meta":{"site":""}})", "", "1||"}}) {
    const std::vector<Routed> routed = Route(config, "a", payload);
    REQUIRE(routed.size() == 1);
    CHECK(routed[0].misfit == "");
    CHECK(routed[0].destination == destination);
    CHECK(routed[0].key == key);
  }
}

TEST_CASE("router: an event without the field that a template wants is a misfit of that target only, and says which field") {
  const Config config = MakeConfig({MakeRoute({"#"}, {{"cloud", "t.{payload.a.b}"}, {"copy", "x"}})});
  for (const char* payload :
       {"", "not JSON", "[1]", "7", "{}", R"({"a":1})", R"({"a":{}})", R"({"a":{"b":{}}})", R"({"a":{"b":[1]}})", R"({"a":{"b":1)",
        R"({"a":{"b":12x}})", R"({"a":{"b":1}} {)", R"({"a":{"b":"\ud800"}})", "{\"a\":{\"b\":\"\xff\"}}"}) {
    const std::vector<Routed> routed = Route(config, "x", payload);
    REQUIRE(routed.size() == 2);
    CHECK_MESSAGE(routed[0].misfit == "no payload field `a.b`", payload);
    CHECK(routed[1].misfit.empty());
  }
  CHECK(Route(config, "x", R"({"a":{"b":1}})")[0].misfit.empty());
  for (const char* name : {"{payload.}", "{payload.a.}", "{payload.a..b}", "{payload}"}) {
    CHECK_MESSAGE(!Router::Create(MakeConfig({MakeRoute({"#"}, {{"copy", name}})})), name);
  }
}

TEST_CASE("payload fields: no payload, however it is cut or changed, is read beyond its end or brings the reader down") {
  const std::string good = R"({"a":{"b":"\u00e9x","c":[1,2,{"d":null}]},"n":-12.5e3,"s":"","t":true})";
  const std::vector<FieldPath> paths = {*FieldPath::Parse("a.b"), *FieldPath::Parse("n"), *FieldPath::Parse("t"),
                                        *FieldPath::Parse("a.c.d")};
  PayloadFields fields;
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good.substr(0, random() % 4 == 0 ? random() % good.size() : good.size());
    for (std::uint64_t n = random() % 4; n > 0 && !text.empty(); --n) text[random() % text.size()] = "{}[]\",:0\\\xff\0x"[random() % 13];
    fields.Use(text, PayloadFormat::kJson);
    for (const FieldPath& path : paths) {
      std::string out = "before";
      const bool found = fields.Append(path, out);
      REQUIRE(out.starts_with("before"));
      REQUIRE((found || out.size() == 6));
    }
  }
}

TEST_CASE("router: a destination that comes out empty, too long or impossible is a misfit, and says why") {
  const Config config = MakeConfig({MakeRoute({"{a}/#"}, {{"cloud", "{a}"}, {"copy", "{a}"}})});
  const auto misfit = [&](const std::string& level) { return Route(config, level + "/x")[0].misfit; };
  CHECK(misfit("").find("is empty") != std::string::npos);
  CHECK(misfit(".") == "no topic can be named `.`");
  CHECK(misfit("..") == "no topic can be named `..`");
  CHECK(misfit("...").empty());
  CHECK(misfit(std::string(249, 'x')).empty());
  CHECK(misfit(std::string(250, 'x')).find("longer than 249 bytes") != std::string::npos);
  CHECK(Route(config, "/x")[1].misfit.empty());
  CHECK(!Router::Create(MakeConfig({MakeRoute({"#"}, {{"cloud", std::string(250, 'x')}})})));
}

TEST_CASE("router: what a stream or an MQTT topic cannot have becomes _, and an MQTT topic keeps its levels") {
  Config config = MakeConfig({MakeRoute({"{a}/{b}"}, {{"lake", "{a}{topic}"}, {"andon", "x/{topic}/{payload.v}"}, {"own", "{topic}"}})});
  config.sinks.resize(5);
  config.sinks[2].name = "lake";
  config.sinks[2].type = SinkType::kKinesis;
  config.sinks[3].name = "andon";
  config.sinks[3].type = SinkType::kMqtt;
  config.sinks[4].name = "own";
  config.sinks[4].type = SinkType::kMqtt;
  const auto route = [&](const std::string& value) { return Route(config, "a b/c", R"({"v":")" + value + "\"}"); };
  const std::vector<Routed> routed = route(R"(p+q#r\u0000 \u00e9)");
  REQUIRE(routed.size() == 3);
  CHECK(routed[0].destination == "a_ba_b_c");
  CHECK(routed[1].destination == "x/a b/c/p_q_r_ \xc3\xa9");
  CHECK(routed[2].destination.empty());
  CHECK(!routed[2].is_templated);
  CHECK(route(std::string(65'535 - 8, 'v'))[1].misfit.empty());
  CHECK(route(std::string(65'536 - 8, 'v'))[1].misfit == "the topic is longer than 65535 bytes");
  config.routes[0].to[0].destination = "{a}{payload.v}";
  CHECK(route(std::string(125, 'v'))[0].misfit.empty());
  CHECK(route(std::string(126, 'v'))[0].misfit == "the stream is longer than 128 bytes");
}

TEST_CASE("router: a target's key, headers and envelope come before the route's, which the other targets get") {
  RouteConfig route = MakeRoute({"{a}/#"}, {{"cloud", "t"}, {"second", "t"}, {"copy", ""}}, "{a}");
  route.headers = {{"site", "{a}"}, {"line", "1"}};
  route.envelope = Envelope::kNone;
  route.to[1].key = "own";
  route.to[1].headers = {{"site", "mine"}, {"extra", "{topic}"}};
  route.to[1].envelope = Envelope::kCloudEvents;
  Config config = MakeConfig({route});
  config.sinks.push_back(config.sinks[0]);
  config.sinks.back().name = "second";
  const std::vector<Routed> routed = Route(config, "g/x");
  REQUIRE(routed.size() == 3);
  CHECK(routed[0].key == "g");
  CHECK(routed[0].headers == std::vector<Property>{{"line", "1"}, {"site", "g"}});
  CHECK(routed[0].bare);
  CHECK(routed[1].key == "own");
  CHECK(routed[1].headers == std::vector<Property>{{"extra", "g/x"}, {"line", "1"}, {"site", "mine"}});
  CHECK(!routed[1].bare);
  CHECK(routed[2].headers.empty());
  CHECK(!routed[2].bare);
}

TEST_CASE("router: a key that is too long is a misfit") {
  const Config config = MakeConfig({MakeRoute({"#"}, {{"copy", ""}}, "{payload.k}")});
  CHECK(Route(config, "a", R"({"k":")" + std::string(65'535, 'k') + "\"}")[0].misfit.empty());
  CHECK(Route(config, "a", R"({"k":")" + std::string(65'536, 'k') + "\"}")[0].misfit == "the key is longer than 65535 bytes");
}

TEST_CASE("destinations: new ones are refused beyond the bound, known ones go on, and long names count for more") {
  Destinations destinations({2, 1});
  CHECK(destinations.Admit(0, "a"));
  CHECK(destinations.Admit(0, "b"));
  CHECK(!destinations.Admit(0, "c"));
  CHECK(destinations.Admit(0, "a"));
  CHECK(destinations.Admit(1, "c"));
  Destinations long_ones({3});
  CHECK(long_ones.Admit(0, std::string(2 * Destinations::kMaxAverage, 'x')));
  CHECK(!long_ones.Admit(0, std::string(Destinations::kMaxAverage + 1, 'y')));
  CHECK(long_ones.Admit(0, std::string(Destinations::kMaxAverage, 'z')));
}

}  // namespace
}  // namespace sluice
