#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "config/load.h"
#include "config/schema.h"
#include "config/schema_tree.h"
#include "config/show.h"
#include "gateway/quantities.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr const char* kMinimal = R"({
  "sources": { "local": { "type": "mqtt", "url": "mqtt://127.0.0.1", "subscribe": { "plant/#": {} } } },
  "sinks": { "cloud": { "type": "kafka", "brokers": "k:9092", "tls": {} }, "copy": { "type": "file", "path": "/tmp/x" },
             "lake": { "type": "kinesis", "region": "eu-central-1", "stream": "plant-raw" } },
  "routes": [ { "name": "all", "match": [ "plant/#", "$sluice/#" ], "to": { "cloud": { "topic": "plant" } } } ]
})";

LoadedConfig Load(const std::string& text, ReferenceMode mode = ReferenceMode::kCheckOnly) {
  TempDir dir;
  return LoadConfig(dir.Write("sluice.json", text), mode);
}

/// kMinimal with the value at a JSON pointer replaced or added.
std::string With(const std::string& pointer, const Json& value) {
  Json json = Json::parse(kMinimal);
  json[Json::json_pointer(pointer)] = value;
  return json.dump(1);
}

const Mistake* Find(const std::vector<Mistake>& mistakes, const std::string& text) {
  auto it = std::find_if(mistakes.begin(), mistakes.end(), [&](const Mistake& m) { return m.message.find(text) != std::string::npos; });
  return it == mistakes.end() ? nullptr : &*it;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string Example(const std::string& name) {
  return std::string(SLUICE_SOURCE_DIR) + "/config/examples/" + name;
}

std::string AllOf(const std::vector<Mistake>& mistakes) {
  std::string all;
  for (const Mistake& mistake : mistakes) all += FormatMistake(mistake) + "\n";
  return all;
}

TEST_CASE("config: the published examples have no mistakes") {
  for (const char* name : {"minimal.json", "plant.json", "quickstart.json", "quickstart-file.json", "quickstart-kinesis.json"}) {
    const LoadedConfig loaded = LoadConfig(Example(name), ReferenceMode::kCheckOnly);
    CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
    CHECK_MESSAGE(loaded.warnings.empty(), AllOf(loaded.warnings));
  }
}

TEST_CASE("config: every mistake is told in one go, each with its place and the fix") {
  const LoadedConfig loaded = Load(R"({
  "outbox": { "max_byte": "2GiB",
              "commit_every": "soon" },
  "sources": { "local": { "type": "mqtt", "url": "http://x", "subscribe": { "a/#/b": {}, "c": { "qos": 3 } } } },
  "sinks": { "cloud": { "type": "kafak" } },
  "routes": [ { "name": "all", "match": "plant/#", "to": "clout" } ]
})");
  struct Expected {
    const char* pointer;
    const char* text;
    std::size_t line;
    std::size_t column;
  };
  for (const Expected& expected : {Expected{"/outbox/max_byte", "Did you mean `max_bytes`?", 2, 15},
                                   {"/outbox/commit_every", "`soon` is not a duration", 3, 31},
                                   {"/sources/local/url", "is not a broker's address", 4, 50},
                                   {"/sources/local/subscribe", "`a/#/b`", 4, 75},
                                   {"/sources/local/subscribe/c/qos", "from 0 to 2", 4, 104},
                                   {"/sinks/cloud/type", "Did you mean `kafka`?", 5, 33},
                                   {"/routes/0/to", "Did you mean `cloud`?", 6, 58}}) {
    const Mistake* mistake = Find(loaded.mistakes, expected.text);
    REQUIRE_MESSAGE(mistake != nullptr, expected.text, "\n", AllOf(loaded.mistakes));
    CHECK(mistake->pointer == expected.pointer);
    CHECK_MESSAGE(mistake->place.line == expected.line, expected.text);
    CHECK_MESSAGE(mistake->place.column == expected.column, expected.text);
  }
}

TEST_CASE("config: a key twice in one file is a mistake") {
  const LoadedConfig loaded = Load("{ \"log\": { \"level\": \"info\",\n \"level\": \"debug\" } }");
  REQUIRE(loaded.mistakes.size() == 1);
  CHECK(loaded.mistakes[0].place.line == 2);
}

TEST_CASE("config: files of conf.d merge in name order, and the same value twice names both places") {
  TempDir dir;
  const std::string path = dir.Write("sluice.json", kMinimal);
  dir.Write("conf.d/10-a.json", R"({ "routes": [ { "name": "second", "match": "x", "to": "copy" } ], "log": { "level": "debug" } })");
  dir.Write("conf.d/20-b.json", R"({ "routes": [ { "name": "third", "match": "y", "to": "copy" } ] })");
  dir.Write("conf.d/notes.txt", "not JSON");
  LoadedConfig loaded = LoadConfig(path, ReferenceMode::kCheckOnly);
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  REQUIRE(loaded.config.routes.size() == 3);
  CHECK(loaded.config.routes[1].name == "second");
  CHECK(loaded.config.routes[2].name == "third");
  CHECK(loaded.config.log.level == LogLevel::kDebug);

  dir.Write("conf.d/30-c.json", R"({ "log": { "level": "error" } })");
  loaded = LoadConfig(path, ReferenceMode::kCheckOnly);
  REQUIRE(loaded.mistakes.size() == 1);
  const std::string told = FormatMistake(loaded.mistakes[0]);
  CHECK(told.find("30-c.json:1:") != std::string::npos);
  CHECK(told.find("10-a.json:1:") != std::string::npos);
}

TEST_CASE("config: a file that cannot be read is told with the reason") {
  TempDir dir;
  const LoadedConfig missing = LoadConfig(dir.Path("sluice.json"), ReferenceMode::kCheckOnly);
  REQUIRE(missing.mistakes.size() == 1);
  CHECK(FormatMistake(missing.mistakes[0]) == dir.Path("sluice.json") + ": cannot read this file: No such file or directory");

  dir.Write("conf.d/10-a.json/sluice.json", "{}");
  const LoadedConfig part = LoadConfig(dir.Path("sluice.json"), ReferenceMode::kCheckOnly);
  REQUIRE(part.mistakes.size() == 2);
  CHECK(FormatMistake(part.mistakes[1]) == dir.Path("conf.d/10-a.json") + ": cannot read this file: Is a directory");
}

TEST_CASE("config: a folder that is there and cannot be listed is no empty one") {
  TempDir dir;
  dir.Write("sluice.json", "{}");
  dir.Write("rules.d", "");
  std::filesystem::create_symlink(dir.Path("unmounted"), dir.Path("conf.d"));
  const LoadedConfig loaded = LoadConfig(dir.Path("sluice.json"), ReferenceMode::kCheckOnly);
  REQUIRE(loaded.mistakes.size() == 2);
  CHECK(FormatMistake(loaded.mistakes[0]) == dir.Path("conf.d") + ": cannot list this folder: No such file or directory");
  CHECK(FormatMistake(loaded.mistakes[1]) == dir.Path("rules.d") + ": cannot list this folder: Not a directory");
}

TEST_CASE("config: comments are allowed, durations and sizes are as people write them") {
  const LoadedConfig loaded = Load("// all\n" + With("/outbox", {{"max_bytes", "2GiB"}, {"commit_every", "1s500ms"}}) + "// end");
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK(loaded.config.outbox.max_bytes == 2ull << 30);
  CHECK(loaded.config.outbox.commit_every == std::chrono::milliseconds(1500));
}

TEST_CASE("config: quantities read back what they print, and nonsense is refused") {
  for (std::int64_t ms : {0, 1, 999, 1'000, 61'000, 90'061'001}) CHECK(*ParseDuration(FormatDuration(Duration(ms))) == Duration(ms));
  for (Bytes bytes : {Bytes{0}, Bytes{1}, Bytes{1000}, Bytes{1024}, Bytes{3} << 30, Bytes{1'500'000}}) {
    CHECK(*ParseBytes(FormatBytes(bytes)) == bytes);
  }
  for (const char* text : {"", "s", "1", "-1s", "1s1m", "1 s", "1.5s", "99999999999999999999s", "1000000000000000000d", "s1"}) {
    CHECK_MESSAGE(!ParseDuration(text), text);
  }
  for (const char* text : {"", "KB", "-1", "1kb", "1XB", "99999999999999999999", "99999999999TiB", "1 GiB"})
    CHECK_MESSAGE(!ParseBytes(text), text);
}

TEST_CASE("config: check takes a reference for any duration and size; an empty one is none") {
  const std::string reference = "${env:SLUICE_TEST_NO_SUCH_VALUE}";
  const LoadedConfig loaded = Load(With("/outbox", {{"max_bytes", reference}, {"commit_every", reference}}));
  CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK(Find(Load(With("/outbox", {{"max_bytes", ""}})).mistakes, "`` is not a size") != nullptr);
  CHECK(Find(Load(With("/outbox", {{"commit_every", ""}})).mistakes, "`` is not a duration") != nullptr);
}

TEST_CASE("config: check needs no secrets; a run does, and never says what they are") {
  const std::string text = With("/sources/local/password", "${env:SLUICE_TEST_NO_SUCH_SECRET}");
  CHECK(Load(text).mistakes.empty());
  CHECK(Load(text).warnings.empty());
  const std::string site = "${env:SLUICE_TEST_NO_SUCH_SITE}";
  CHECK(Load(With("/routes/0/to/cloud", {{"topic", "plant-" + site}, {"key", site}, {"headers", {{"site", site}}}})).mistakes.empty());
  const LoadedConfig run = Load(text, ReferenceMode::kResolve);
  REQUIRE(run.mistakes.size() == 1);
  CHECK(run.mistakes[0].pointer == "/sources/local/password");

  const LoadedConfig literal = Load(With("/sources/local/password", "hunter2"));
  REQUIRE(literal.warnings.size() == 1);
  CHECK(AllOf(literal.warnings).find("hunter2") == std::string::npos);
  CHECK(ShowConfig(literal.config).find("hunter2") == std::string::npos);
}

TEST_CASE("config: no secret is ever shown") {
  Json json = Json::parse(kMinimal);
  json["sources"]["local"]["password"] = "canary-1";
  json["sources"]["local"]["proxy"] = "http://u:canary-2@proxy:3128";
  json["sources"]["local"]["url"] = "mqtts://b";
  json["sources"]["local"]["tls"] = {{"cert_file", "c"}, {"key_file", "k"}, {"key_password", "canary-3"}};
  json["sinks"]["cloud"]["auth"] = {{"mechanism", "PLAIN"}, {"username", "u"}, {"password", "canary-4"}};
  json["sinks"]["cloud"]["tls"] = {{"cert_file", "c"}, {"key_file", "k"}, {"key_password", "canary-5"}};
  json["sinks"]["cloud"]["rdkafka"] = {{"ssl.keystore.password", "canary-6"}, {"ssl.key.pem", "canary-7"}};
  json["sinks"]["lake"]["proxy"] = "http://u:canary-8@proxy:3128";
  json["sinks"]["lake"]["auth"] = {
      {"type", "static"}, {"access_key_id", "AKID"}, {"secret_access_key", "canary-9"}, {"session_token", "canary-10"}};
  json["sinks"]["andon"] = {{"type", "mqtt"}, {"url", "mqtts://b"}, {"password", "canary-11"}, {"proxy", "http://u:canary-12@proxy:3128"}};
  json["sinks"]["msk"] = {{"type", "kafka"},
                          {"brokers", "k:1"},
                          {"tls", Json::object()},
                          {"auth", {{"mechanism", "AWS_MSK_IAM"}, {"region", "r"}, {"credentials", json["sinks"]["lake"]["auth"]}}}};
  const LoadedConfig loaded = Load(json.dump());
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK(ShowConfig(loaded.config).find("canary") == std::string::npos);
  CHECK(AllOf(loaded.warnings).find("canary") == std::string::npos);
}

TEST_CASE("config: what is shown is a configuration that means the same") {
  const std::string mqtt =
      With("/sinks/andon", {{"type", "mqtt"}, {"url", "mqtts://[::1]:1"}, {"protocol", "3.1.1"}, {"max_packet", "2KiB"}});
  const Json iam = {{"mechanism", "AWS_MSK_IAM"}, {"region", "eu-central-1"}, {"credentials", {{"type", "shared_file"}, {"path", "/p"}}}};
  const std::string msk = With("/sinks/cloud", {{"type", "kafka"}, {"brokers", "k:1"}, {"tls", Json::object()}, {"auth", iam}});
  const std::string formats = With("/sources/local/subscribe", {{"a", {{"format", "cbor"}}}, {"b", {{"format", "json"}}}});
  for (const std::string& text : {std::string(kMinimal), mqtt, msk, formats, ReadAll(Example("plant.json"))}) {
    const LoadedConfig loaded = Load(text);
    const std::string shown = ShowConfig(loaded.config);
    const LoadedConfig again = Load(shown);
    CHECK_MESSAGE(again.mistakes.empty(), AllOf(again.mistakes));
    CHECK(ShowConfig(again.config) == shown);
  }
}

TEST_CASE("config: a subscription has the format of its source, unless it says otherwise, and is shown so") {
  Json json = Json::parse(kMinimal);
  CHECK(Load(json.dump()).config.sources[0].subscribe[0].format == PayloadFormat::kJson);
  json["sources"]["local"]["format"] = "msgpack";
  json["sources"]["local"]["subscribe"]["meter/#"] = {{"format", "cbor"}};
  json["sources"]["local"]["subscribe"]["door/#"] = {{"format", "text"}};
  const MqttSourceConfig source = Load(json.dump()).config.sources[0];
  REQUIRE(source.subscribe.size() == 3);
  CHECK(source.format == PayloadFormat::kMessagePack);
  for (const Subscription& one : source.subscribe) {
    CHECK(one.format == (one.filter == "meter/#"  ? PayloadFormat::kCbor
                         : one.filter == "door/#" ? PayloadFormat::kText
                                                  : PayloadFormat::kMessagePack));
  }
  const Json shown = Json::parse(ShowConfig(Load(json.dump()).config))["sources"]["local"];
  CHECK(shown["format"] == "msgpack");
  CHECK(shown["subscribe"]["meter/#"]["format"] == "cbor");
  CHECK(!shown["subscribe"]["plant/#"].contains("format"));
}

TEST_CASE("config: a Kinesis sink finds its region's endpoint, and another one if it is given") {
  const auto endpoint = [](const Json& sink) {
    const LoadedConfig loaded = Load(With("/sinks/lake", sink));
    CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
    return loaded.config.sinks.back().kinesis.endpoint;
  };
  Json sink = {{"type", "kinesis"}, {"region", "eu-central-1"}, {"stream", "s"}};
  CHECK(endpoint(sink) == "https://kinesis.eu-central-1.amazonaws.com");
  sink["region"] = "cn-north-1";
  CHECK(endpoint(sink) == "https://kinesis.cn-north-1.amazonaws.com.cn");
  for (const char* given : {"https://vpce-1.kinesis.eu-central-1.vpce.amazonaws.com", "http://127.0.0.1:4567", "http://[::1]:4567"}) {
    sink["endpoint"] = given;
    CHECK(endpoint(sink) == given);
  }
}

TEST_CASE("config: what would break the promise is refused, with the reason") {
  struct Bad {
    const char* pointer;
    Json value;
    const char* told;
  };
  for (const Bad& bad :
       {Bad{"/sources/local/subscribe", {{"a/#", Json::object()}, {"a/b", Json::object()}}, "overlap"},
        {"/sources/local/subscribe", {{"$sluice/gaps", Json::object()}}, "the gateway's own"},
        {"/sinks/cloud/rdkafka", {{"acks", 1}}, "in-sync"},
        {"/sinks/cloud/rdkafka", {{"message.timeout.ms", 5}}, "until they are delivered"},
        {"/sinks/cloud/rdkafka", {{"enable.ssl.certificate.verification", false}}, "prove who it is"},
        {"/sinks/cloud/rdkafka", {{"partitioner", "random"}}, "lose their order"},
        {"/sinks/cloud/rdkafka", {{"linger.ms", 60'001}}, "at most 60000"},
        {"/sinks/cloud/rdkafka", {{"plugin.library.paths", "x.so"}}, "foreign code"},
        {"/sinks/cloud/rdkafka", {{"dr_msg_cb", "x"}}, "programming interface"},
        {"/sinks/cloud/rdkafka", {{"api.version.request", false}}, "headers"},
        {"/sinks/cloud/rdkafka", {{"topic.blacklist", "a"}}, "never delivered"},
        {"/sinks/cloud/rdkafka", {{"sasl.oauthbearer.method", "oidc"}}, "`auth`"},
        {"/sinks/cloud/rdkafka", {{"enable.sasl.oauthbearer.unsecure.jwt", true}}, "unsigned"},
        {"/sinks/cloud",
         {{"type", "kafka"}, {"brokers", "k:1"}, {"auth", {{"mechanism", "AWS_MSK_IAM"}, {"region", "eu-central-1"}}}},
         "over TLS only"},
        {"/sinks/cloud/auth", {{"mechanism", "AWS_MSK_IAM"}}, "`region` is missing"},
        {"/sinks/cloud/auth", {{"mechanism", "AWS_MSK_IAM"}, {"region", "EU Central"}}, "not a region"},
        {"/sinks/cloud/auth", {{"mechanism", "AWS_MSK_IAM"}, {"password", "p"}}, "`password` is not known here"},
        {"/sinks/cloud/auth", {{"mechanism", "AWS_MSK_IAM"}, {"credentials", {{"type", "iot"}}}}, "`role_alias` is missing"},
        {"/sinks/cloud/auth", {{"mechanism", "SCRAM-SHA-512"}, {"region", "eu-central-1"}}, "`region`"},
        {"/sinks/cloud/brokers", "kafka", "not host:port"},
        {"/sinks/lake/endpoint", "http://192.168.0.1:4567", "in clear"},
        {"/sinks/lake/endpoint", "http://localhost.example", "in clear"},
        {"/sinks/lake/endpoint", "https://u:p@kinesis", "an address is written"},
        {"/sinks/lake/endpoint", "https://kinesis:70000", "an address is written"},
        {"/sinks/lake/stream", "plant/raw", "a stream's name"},
        {"/sinks/lake/region", "EU Central", "not a region"},
        {"/sinks/lake/auth", {{"type", "iot"}, {"endpoint", "https://x"}}, "without https://"},
        {"/sinks/lake/auth", {{"type", "iot"}, {"tls", Json::object()}}, "by its certificate"},
        {"/sinks/lake/auth", {{"type", "static"}}, "`secret_access_key` is missing"},
        {"/gateway", {{"id", "a:b"}}, "gateway's id"},
        {"/outbox", {{"max_bytes", "1MiB"}}, "a size from"},
        {"/routes/0/to", {{"cloud", Json::object()}}, "needs a topic"},
        {"/routes/0/key", "{nope}", "nope"},
        {"/routes/0/except", "a/#/b", "a/#/b"},
        {"/unrouted", "clout", "there is no sink `clout`"},
        {"/unrouted", {{"cloud", Json::object()}}, "needs a topic"},
        {"/routes/0/class", "alrt", "Did you mean `alert`?"},
        {"/routes/0/when", "temp > ", "a value is missing, at character 8"},
        {"/routes/0/ttl", "0s", "duration"},
        {"/classes", {{{"name", "a"}, {"share", "60%"}}, {{"name", "b"}, {"share", "60%"}}}, "more than there is"},
        {"/classes", {{{"name", "a"}}, {{"name", "a"}}}, "another class"},
        {"/classes", {{{"name", "a"}, {"share", "half"}}}, "percentage"},
        {"/routes/0/match", "a/{x}/{x}", "x"},
        {"/routes/0/to/cloud/topic", "plant/{topic}", "characters that a Kafka sink cannot have in a topic"},
        {"/routes/0/to/cloud/topic", std::string(250, 'x'), "longer than 249"},
        {"/routes/0/to/cloud/topic", "{label.none}", "nothing is named `{label.none}`"},
        {"/routes/0/to/cloud/stream", "s", "no `stream`; write `topic`"},
        {"/routes/0/to/cloud/retain", true, "retains no messages"},
        {"/routes/0/to/cloud/headers", {{"ce_id", "x"}}, "belongs to the envelope"},
        {"/routes/0/to/cloud/headers", {{"content-type", "x"}}, "belongs to the envelope"},
        {"/routes/0/to/cloud/headers", {{"a b", "x"}}, "a header's name"},
        {"/routes/0/to/cloud/headers", {{std::string(129, 'x'), "x"}}, "a header's name"},
        {"/routes/0/to/cloud/headers", {{"a", "{nope}"}}, "header `a`: nothing is named `{nope}`"},
        {"/routes/0/to/cloud/headers", {{"a", 1}}, "a string is expected"},
        {"/routes/0/to/cloud/envelope", "bare", "not one of"},
        {"/routes/0/to/copy", {{"headers", {{"a", "b"}}}}, "a file sink has no headers"},
        {"/routes/0/to/copy", {{"envelope", "none"}}, "its envelope always"},
        {"/routes/0/to/lake", {{"topic", "t"}}, "no `topic`; write `stream`"},
        {"/routes/0/to/lake", {{"stream", "a/{topic}"}}, "characters that a Kinesis sink cannot have in a stream"},
        {"/routes/0/to/lake", {{"headers", {{"a", "b"}}}}, "a Kinesis sink has no headers"},
        {"/routes/0/to/lake", {{"retain", true}}, "retains no messages"},
        {"/sinks/cloud/max_destinations", 0, "from 1 to 100000"},
        {"/gateway", {{"labels", {{"a.b", "c"}}}}, "a label's name"}}) {
    const LoadedConfig loaded = Load(With(bad.pointer, bad.value));
    CHECK_MESSAGE(Find(loaded.mistakes, bad.told) != nullptr, bad.pointer, " ", bad.value.dump(), "\n", AllOf(loaded.mistakes));
  }
  Json old = Json::parse(kMinimal);
  old["sources"]["local"]["protocol"] = "3.1.1";
  old["sources"]["local"]["subscribe"]["plant/#"]["qos"] = 2;
  CHECK(Find(Load(old.dump()).mistakes, "QoS 2") != nullptr);
}

TEST_CASE("config: what a route says of key, headers and envelope is there for each target, and is shown as it was written") {
  Json json = Json::parse(kMinimal);
  json["gateway"] = {{"labels", {{"site", "${hostname}"}, {"line", "1"}}}};
  json["sinks"]["cloud"]["max_destinations"] = 7;
  json["routes"][0] = {{"name", "all"},
                       {"match", "plant/{x}"},
                       {"key", "{x}"},
                       {"headers", {{"site", "{label.site}"}}},
                       {"envelope", "none"},
                       {"to",
                        {{"cloud", {{"topic", "t.{payload.a}"}, {"key", "{payload.b}"}, {"headers", {{"x", "{x}"}}}, {"envelope", "none"}}},
                         {"copy", {{"envelope", "cloudevents"}}}}}};
  json["unrouted"] = {{"cloud", {{"topic", "rest"}, {"key", "all"}}}};
  const LoadedConfig loaded = Load(json.dump());
  REQUIRE_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK(loaded.config.gateway.labels.at("site") == loaded.config.gateway.hostname);
  const Json shown = Json::parse(ShowConfig(loaded.config));
  Json route = json["routes"][0];
  route["match"] = {"plant/{x}"};
  route["continue"] = false;
  CHECK(shown["routes"][0] == route);
  CHECK(shown["unrouted"] == json["unrouted"]);
  CHECK(shown["sinks"]["cloud"]["max_destinations"] == 7);
  CHECK(ShowConfig(Load(shown.dump()).config) == ShowConfig(loaded.config));

  json["routes"][0]["to"] = "copy";
  json["routes"][0].erase("envelope");
  CHECK(Find(Load(json.dump()).mistakes, "no sink of this route has headers") != nullptr);
}

TEST_CASE("config: an MQTT sink takes headers, a bare payload and retain; no header can pass for an attribute") {
  Json json = Json::parse(kMinimal);
  json["sinks"]["andon"] = {{"type", "mqtt"}, {"url", "mqtt://up"}, {"max_destinations", 9}};
  json["routes"][0]["to"] = {{"andon", {{"topic", "andon/{topic}"}, {"headers", {{"site", "x"}}}, {"envelope", "none"}, {"retain", true}}}};
  const LoadedConfig loaded = Load(json.dump());
  CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK(loaded.config.routes[0].to[0].retain);
  CHECK(Json::parse(ShowConfig(loaded.config))["routes"][0]["to"] == json["routes"][0]["to"]);

  json["routes"][0]["headers"] = {{"subject", "x"}};
  CHECK(Find(Load(json.dump()).mistakes, "the header `subject` would pass for an attribute") != nullptr);
  json["routes"][0].erase("headers");
  json["sinks"]["andon"]["protocol"] = "3.1.1";
  CHECK(Find(Load(json.dump()).mistakes, "an MQTT sink of protocol 3.1.1 has no headers") != nullptr);
}

TEST_CASE("config: a message that would come back from an MQTT sink into a source is a mistake; one that may, a warning") {
  enum Expected { kFine, kWarning, kMistake };
  struct Case {
    const char* url;
    const char* match;
    const char* topic;  ///< Null: the event's own.
    Expected expected;
  };
  // kMinimal's source is at 127.0.0.1:1883 and subscribes to plant/#; a second one there, to andon/graz/+.
  for (const Case& one : {Case{"mqtt://127.0.0.1", "plant/{site}/#", "andon/all", kFine},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "plant/alarms", kMistake},
                          {"mqtt://LOCALHOST", "plant/{site}/#", "plant/{site}/alarms", kMistake},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "andon/{site}/on", kWarning},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "andon/{gateway.id}/on", kFine},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "andon/x-{site}/on", kWarning},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "andon/{topic}", kWarning},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "copy/{topic}", kFine},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "{site}/on", kWarning},
                          {"mqtt://127.0.0.1", "plant/{site}/#", nullptr, kMistake},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "{topic}", kMistake},
                          {"mqtt://127.0.0.1", "$sluice/alerts/#", nullptr, kFine},
                          {"mqtt://127.0.0.1", "plant/{site}/#", "andon/+", kMistake},
                          {"mqtt://127.0.0.1:1884", "plant/{site}/#", "plant/alarms", kFine},
                          {"mqtt://upstream", "plant/{site}/#", nullptr, kFine}}) {
    Json json = Json::parse(kMinimal);
    json["gateway"]["id"] = "edge";
    json["sources"]["second"] = {{"type", "mqtt"}, {"url", "mqtt://localhost"}, {"subscribe", {{"andon/graz/+", Json::object()}}}};
    json["sinks"]["andon"] = {{"type", "mqtt"}, {"url", one.url}};
    json["routes"][0]["match"] = one.match;
    json["routes"][1] = {{"name", "own"}, {"match", "$sluice/gaps"}, {"to", "copy"}};
    json["routes"][0]["to"] = {{"andon", one.topic == nullptr ? Json::object() : Json{{"topic", one.topic}}}};
    const LoadedConfig loaded = Load(json.dump());
    const Expected found = !loaded.mistakes.empty() ? kMistake : !loaded.warnings.empty() ? kWarning : kFine;
    CHECK_MESSAGE(found == one.expected, one.url, " ", one.match, " ", (one.topic == nullptr ? "-" : one.topic), "\n",
                  AllOf(loaded.mistakes), AllOf(loaded.warnings));
  }
  CHECK(Find(Load(R"({ "sources": { "s": { "type": "mqtt", "url": "mqtt://h", "subscribe": { "a/#": {} } } },
                       "sinks": { "m": { "type": "mqtt", "url": "mqtt://h" } }, "routes": [], "unrouted": "m" })")
                 .mistakes,
             "comes back") != nullptr);
}

/// An object with a fixed set of keys.
struct Spot {
  const char* schema;  ///< Pointer to the object's schema.
  const char* object;  ///< Pointer to such an object in a configuration.
  Json value;          ///< What stands there if the key is to be tried in it: a configuration without mistakes.
};

std::vector<Spot> Spots() {
  const Json source = Json::parse(kMinimal)["sources"]["local"];
  return {{"", "", Json::parse(kMinimal)},
          {"/definitions/tls", "/sinks/cloud/tls", Json::object()},
          {"/definitions/mqtt_source", "/sources/local", source},
          {"/definitions/mqtt_source/properties/subscribe/additionalProperties", "/sources/local/subscribe/x", Json::object()},
          {"/definitions/kafka_sink", "/sinks/cloud", {{"type", "kafka"}, {"brokers", "k:1"}}},
          {"/definitions/kafka_auth_password", "/sinks/cloud/auth", {{"mechanism", "PLAIN"}, {"username", "u"}, {"password", "p"}}},
          {"/definitions/kafka_auth_msk_iam", "/sinks/cloud/auth", {{"mechanism", "AWS_MSK_IAM"}, {"region", "eu-central-1"}}},
          {"/definitions/file_sink", "/sinks/copy", {{"type", "file"}, {"path", "p"}}},
          {"/definitions/kinesis_sink", "/sinks/lake", {{"type", "kinesis"}, {"region", "r"}, {"stream", "s"}}},
          {"/definitions/aws_auth_environment", "/sinks/lake/auth", {{"type", "environment"}}},
          {"/definitions/aws_auth_shared_file", "/sinks/lake/auth", {{"type", "shared_file"}}},
          {"/definitions/aws_auth_container", "/sinks/lake/auth", {{"type", "container"}}},
          {"/definitions/aws_auth_iot",
           "/sinks/lake/auth",
           {{"type", "iot"}, {"endpoint", "e"}, {"role_alias", "r"}, {"tls", {{"cert_file", "c"}, {"key_file", "k"}}}}},
          {"/definitions/aws_auth_static", "/sinks/lake/auth", {{"type", "static"}, {"access_key_id", "a"}, {"secret_access_key", "s"}}},
          {"/definitions/mqtt_sink", "/sinks/andon", {{"type", "mqtt"}, {"url", "mqtt://h"}}},
          {"/definitions/limit", "/sinks/copy/limit", Json::object()},
          {"/definitions/class", "/classes/0", {{"name", "alert"}}},
          {"/definitions/target", "/routes/0/to/cloud", {{"topic", "t"}}},
          {"/definitions/route", "/routes/0", {{"name", "n"}, {"match", "m"}, {"to", "copy"}}},
          {"/definitions/rule", "/rules/0", {{"alert", "a"}, {"match", "plant/{x}"}, {"when", "temp > 80"}}},
          {"/definitions/rule_input", "/rules/0/inputs/t", {{"value", "avg(temp, 30s)"}, {"match", "plant/other"}}},
          {"/properties/gateway", "/gateway", Json::object()},
          {"/properties/outbox", "/outbox", Json::object()},
          {"/properties/outbox/properties/dead_letters", "/outbox/dead_letters", Json::object()},
          {"/properties/control", "/control", Json::object()},
          {"/properties/http", "/http", Json::object()},
          {"/properties/log", "/log", Json::object()}};
}

/// `value` at the spot in kMinimal.
LoadedConfig LoadAt(const Spot& spot, const Json& value) {
  Json config = Json::parse(kMinimal);
  config["rules"][0] = {{"alert", "a"}, {"match", "plant/{x}"}, {"when", "t > 80"}, {"inputs", {{"t", "temp"}}}};
  config[Json::json_pointer(spot.object)] = value;
  return Load(config.dump());
}

/// The schema of each key of the spot, its references followed.
std::map<std::string, Json> KeysOf(const Spot& spot) {
  const SchemaTree tree(ConfigSchema());
  const SchemaTree::Json object = tree.root().at(SchemaTree::Json::json_pointer(spot.schema));
  std::map<std::string, Json> keys;
  for (const auto& [key, schema] : object["properties"].items()) keys[key] = tree.Resolve(schema);
  return keys;
}

TEST_CASE("config: the schema knows exactly the keys that the reader knows") {
  const Json schema = Json::parse(ConfigSchema());
  const std::vector<Spot> spots = Spots();
  std::size_t closed = 0;
  const std::string text = schema.dump();
  for (std::size_t at = text.find("\"additionalProperties\":false"); at != std::string::npos;
       at = text.find("\"additionalProperties\":false", at + 1)) {
    ++closed;
  }
  CHECK(closed == spots.size());
  for (const Spot& spot : spots) {
    Json value = spot.value;
    value["zz"] = 1;
    const LoadedConfig loaded = LoadAt(spot, value);
    const Mistake* unknown = Find(loaded.mistakes, "`zz` is not known");
    REQUIRE_MESSAGE(unknown != nullptr, spot.object, "\n", AllOf(loaded.mistakes));
    const std::set<std::string> known(unknown->known.begin(), unknown->known.end());
    std::set<std::string> published;
    for (const auto& [key, ignored] : KeysOf(spot)) published.insert(key);
    CHECK_MESSAGE(known == published, spot.schema);
  }
}

TEST_CASE("config: the schema's defaults are those in force, and none is missing there") {
  std::size_t compared = 0;
  for (const Spot& spot : Spots()) {
    const LoadedConfig loaded = LoadAt(spot, spot.value);
    REQUIRE_MESSAGE(loaded.mistakes.empty(), spot.object, "\n", AllOf(loaded.mistakes));
    const Json shown = Json::parse(ShowConfig(loaded.config)).value(Json::json_pointer(spot.object), Json::object());
    for (const auto& [key, schema] : KeysOf(spot)) {
      if (!shown.contains(key) || spot.value.contains(key)) continue;
      if (schema.contains("default")) {
        Json expected = schema["default"];
        if (expected.is_string()) expected = *ResolveReferences(expected.get<std::string>(), ReferenceMode::kResolve);
        CHECK_MESSAGE(shown[key] == expected, spot.schema, " ", key);
        ++compared;
      } else if (!shown[key].is_object()) {
        CHECK_MESSAGE(schema.value("description", "").find("Default: ") != std::string::npos, spot.schema, " ", key);
      }
    }
  }
  CHECK(compared > 20);
}

TEST_CASE("config: the schema's bounds are the reader's") {
  std::size_t compared = 0;
  for (const Spot& spot : Spots()) {
    for (const auto& [key, schema] : KeysOf(spot)) {
      const bool whole = schema.value("type", Json()) == "integer";
      const std::string title = schema.value("title", "");
      if (!whole && title != "duration" && title != "size") continue;
      const Json range = whole ? Json{schema.at("minimum").dump(), schema.at("maximum").dump()} : schema.at("range");
      Json value = spot.value;
      value[key] = whole ? Json(1ull << 60) : Json(title == "size" ? "1000TiB" : "1000000d");
      const std::string bounds = "from " + range.at(0).get<std::string>() + " to " + range.at(1).get<std::string>() + " is expected";
      const LoadedConfig loaded = LoadAt(spot, value);
      CHECK_MESSAGE(Find(loaded.mistakes, bounds) != nullptr, spot.schema, " ", key, " ", bounds, "\n", AllOf(loaded.mistakes));
      ++compared;
    }
  }
  CHECK(compared > 15);
}

TEST_CASE("config: the schema's words are the reader's") {
  // By pointer to the key: an object that has several forms has some of the words in each.
  std::map<std::string, std::vector<std::string>> words;
  for (const Spot& spot : Spots()) {
    for (const auto& [key, schema] : KeysOf(spot)) {
      const Json said = schema.contains("const") ? Json::array({schema["const"]}) : schema.value("enum", Json::array());
      if (said.empty() || !said[0].is_string()) continue;
      std::vector<std::string>& all = words[spot.object + ("/" + key)];
      all.insert(all.end(), said.begin(), said.end());
    }
  }
  std::size_t compared = 0;
  for (const Spot& spot : Spots()) {
    for (const auto& [key, ignored] : KeysOf(spot)) {
      const std::vector<std::string>& all = words[spot.object + ("/" + key)];
      if (all.size() < 2) continue;
      std::string listed;
      for (const std::string& word : all) listed += (listed.empty() ? "`" : ", `") + word + "`";
      Json value = spot.value;
      value[key] = "zz";
      const LoadedConfig loaded = LoadAt(spot, value);
      CHECK_MESSAGE(Find(loaded.mistakes, "`zz` is not one of " + listed + ".") != nullptr, spot.schema, " ", key, "\n",
                    AllOf(loaded.mistakes));
      ++compared;
    }
  }
  CHECK(compared > 10);
}

TEST_CASE("config: a mutated file is either understood or its mistakes have places; it never crashes") {
  const std::string good = ReadAll(Example("plant.json"));
  std::mt19937 random(2026);
  for (int round = 0; round < 3000; ++round) {
    std::string text = good;
    for (std::size_t changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 20);
          break;
        case 2:
          text.insert(at, std::string(1 + random() % 3, "{}[]\",:0e\\$\xff"[random() % 12]));
          break;
        default:
          text.resize(at + 1);  // A half-written file.
      }
    }
    const LoadedConfig loaded = Load(text);
    for (const Mistake& mistake : loaded.mistakes) {
      REQUIRE_MESSAGE(mistake.place.line > 0, FormatMistake(mistake));
      REQUIRE(!mistake.message.empty());
    }
  }
}

TEST_CASE("config: dead letters take an eighth of the outbox at most, and 64MiB unless more is asked for") {
  CHECK(Load(kMinimal).config.outbox.dead_letters.max_bytes == 64u << 20);
  CHECK(Load(With("/outbox", {{"max_bytes", "16MiB"}})).config.outbox.dead_letters.max_bytes == 2u << 20);
  CHECK(Load(With("/outbox", {{"dead_letters", {{"max_bytes", "200MiB"}, {"max_age", "7d"}}}})).mistakes.empty());
  const LoadedConfig loaded = Load(With("/outbox", {{"max_bytes", "16MiB"}, {"dead_letters", {{"max_bytes", "3MiB"}}}}));
  REQUIRE(loaded.mistakes.size() == 1);
  CHECK(loaded.mistakes[0].pointer == "/outbox/dead_letters/max_bytes");
  CHECK(loaded.mistakes[0].message.find("2MiB") != std::string::npos);
}

TEST_CASE("config: HTTP is off unless it is asked for; then it is for this machine") {
  CHECK(!Load(kMinimal).config.http);
  const LoadedConfig loaded = Load(With("/http", Json::object()));
  CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
  CHECK_MESSAGE(loaded.warnings.empty(), AllOf(loaded.warnings));
  REQUIRE(loaded.config.http);
  CHECK(loaded.config.http->listen == "127.0.0.1:9807");
  CHECK(loaded.config.http->token.empty());
}

TEST_CASE("config: HTTP is served on an IP address or a Unix socket, and on nothing else") {
  for (const char* listen : {"127.0.0.1:9807", "localhost", "[::1]:80", "unix:/run/sluice/http.sock"}) {
    CHECK_MESSAGE(Load(With("/http/listen", listen)).mistakes.empty(), listen);
  }
  for (const std::string& listen : {std::string(), std::string(":9807"), std::string("127.0.0.1:99999"), std::string("gw.example:9807"),
                                    std::string("::1"), std::string("unix:"), std::string("unix:x"), "unix:/" + std::string(107, 'x')}) {
    const LoadedConfig loaded = Load(With("/http/listen", listen));
    REQUIRE_MESSAGE(loaded.mistakes.size() == 1, listen);
    CHECK(loaded.mistakes[0].pointer == "/http/listen");
  }
  CHECK(Load(With("/http/listen", "unix:/" + std::string(106, 'x'))).mistakes.empty());
}

TEST_CASE("config: HTTP that other machines reach without a token is worth a warning") {
  const std::string token = "${env:TOKEN}";
  CHECK(Find(Load(With("/http/listen", "0.0.0.0:9807")).warnings, "other machines") != nullptr);
  CHECK(Find(Load(With("/http", {{"listen", "[::]:9807"}, {"token", token}})).warnings, "other machines") == nullptr);
  CHECK(Find(Load(With("/http/listen", "127.8.0.1:9807")).warnings, "other machines") == nullptr);
}

TEST_CASE("config: a token of HTTP has 16 characters that fit into a header, is a secret, and is never shown") {
  for (const char* token : {"", "short", "fifteen-letters", "sixteen letters!"}) {
    CHECK_MESSAGE(Load(With("/http/token", token)).mistakes.size() == 1, token);
  }
  const LoadedConfig loaded = Load(With("/http/token", "sixteen-letters!"));
  CHECK(loaded.mistakes.empty());
  CHECK(Find(loaded.warnings, "secret") != nullptr);
  CHECK(loaded.config.http->token == "sixteen-letters!");
  const Json shown = Json::parse(ShowConfig(loaded.config));
  CHECK(shown["http"] == Json{{"listen", "127.0.0.1:9807"}, {"token", "***"}});
}

TEST_CASE("config: the hosts of HTTP are names without a port") {
  CHECK(Load(With("/http/hosts", Json{"gw", "gw.plant.example"})).mistakes.empty());
  for (const char* host : {"", "gw:9807", "http://gw", "a b"}) CHECK_MESSAGE(Load(With("/http/hosts", host)).mistakes.size() == 1, host);
}

TEST_CASE(
    "config: the control socket is where services have theirs, or beside an outbox that is elsewhere; a path that no socket can have is a "
    "mistake") {
  CHECK(Load(kMinimal).config.control.socket == "/run/sluice/sluice.sock");
  CHECK(Load(With("/control", {{"socket", "/run/sluice/c"}})).config.control.socket == "/run/sluice/c");
  const LoadedConfig loaded = Load(With("/control", {{"socket", "/" + std::string(107, 'x')}}));
  CHECK(Find(loaded.mistakes, "at most 107 bytes") != nullptr);
  CHECK(Find(Load(With("/outbox", {{"path", "/" + std::string(100, 'x') + "/outbox.db"}})).mistakes, "control.socket") != nullptr);
}

/// kMinimal with other routes.
LoadedConfig LoadRoutes(const Json& routes, const Json& more = Json::object()) {
  Json json = Json::parse(kMinimal);
  json["routes"] = routes;
  json.update(more);
  return Load(json.dump());
}

TEST_CASE("config: it is a warning that events may be given up and no route takes the records of it") {
  const Json one = {{"name", "one"}, {"match", "plant/#"}, {"to", "copy"}};
  const auto with = [](Json json, const char* key, const Json& value) {
    json[key] = value;
    return json;
  };
  const Json keeping = {{"name", "alert"}, {"on_full", "keep"}};
  const Json kept = {{"classes", Json::array({keeping})}};
  const Json short_lived = {{"classes", Json::array({with(keeping, "ttl", "1h")})}};
  const auto warns = [](const Json& routes, const Json& more = Json::object()) {
    const LoadedConfig loaded = LoadRoutes(routes, more);
    CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
    const Mistake* warning = Find(loaded.warnings, "no route takes $sluice/gaps");
    if (warning != nullptr) CHECK(warning->pointer == "/routes");
    return warning != nullptr;
  };
  CHECK(warns(Json::array({one})));
  CHECK(warns(Json::array({with(one, "match", {"plant/#", "$sluice/status"})})));
  CHECK(warns(Json::array({with(with(one, "match", {"plant/#", "$sluice/#"}), "except", "$sluice/gaps")})));
  CHECK(warns(Json::array({with(one, "ttl", "1h")}), kept));
  CHECK(warns(Json::array({one}), short_lived));
  CHECK(!warns(Json::array({one}), kept));
  CHECK(!warns(Json::array({one}), {{"unrouted", "copy"}}));
  CHECK(!warns(Json::array({one, {{"name", "own"}, {"match", "$sluice/+"}, {"to", "lake"}}})));
}

TEST_CASE("config: it is a mistake that the largest event of a source, once for each of its sinks, has no room in the outbox") {
  struct Way {
    const char* match;
    std::vector<std::string> sinks;
    bool goes_on;
  };
  const auto complaint = [](const std::vector<Way>& ways) -> std::string {
    Json routes = Json::array({{{"name", "own"}, {"match", "$sluice/#"}, {"to", "copy"}}});
    for (const Way& way : ways) {
      Json route = {{"name", way.match}, {"match", way.match}, {"continue", way.goes_on}};
      for (const std::string& sink : way.sinks) route["to"][sink] = sink == "cloud" ? Json{{"topic", "t"}} : Json::object();
      routes.push_back(std::move(route));
    }
    const LoadedConfig loaded = LoadRoutes(routes, {{"outbox", {{"max_bytes", "8MiB"}}}});
    const Mistake* mistake = Find(loaded.mistakes, "an event of max_payload, 1MiB");
    return mistake == nullptr ? "" : mistake->pointer + ": " + mistake->message;
  };
  const std::string told = complaint({{"plant/a", {"cloud", "copy", "lake"}, false}});
  for (const char* text : {"/sources/local: ", "takes 3MiB in 3 sinks'", "may take 2MiB", "max_payload to 699050", "max_bytes to 12MiB"}) {
    CHECK_MESSAGE(told.find(text) != std::string::npos, told);
  }
  CHECK(complaint({{"plant/a", {"copy", "lake"}, true}, {"plant/#", {"cloud"}, false}}) != "");
  CHECK(complaint({{"plant/a", {"copy"}, false}, {"plant/b", {"cloud", "copy", "lake"}, true}}) != "");
  // Not together for one event; not for this source's; not reached.
  CHECK(complaint({{"plant/a", {"copy", "lake"}, false}, {"plant/#", {"cloud"}, false}}) == "");
  CHECK(complaint({{"energy/#", {"cloud", "copy", "lake"}, false}}) == "");
  CHECK(complaint({{"plant/#", {"copy"}, false}, {"plant/a", {"cloud", "copy", "lake"}, false}}) == "");
}

TEST_CASE("config: it is a warning that a filter never matches, since an earlier route takes all of it") {
  const Json all = {{"name", "all"}, {"match", {"#", "$sluice/#"}}, {"to", "copy"}};
  const auto warning = [](const Json& first, const std::string& filter) -> std::string {
    const LoadedConfig loaded =
        LoadRoutes(Json::array({first, {{"name", "late"}, {"match", Json::array({filter, "$other/#"})}, {"to", "lake"}}}));
    CHECK_MESSAGE(loaded.mistakes.empty(), AllOf(loaded.mistakes));
    const Mistake* found = Find(loaded.warnings, "`" + filter + "` never matches here: route `all`");
    return found == nullptr ? "" : found->pointer;
  };
  const auto with = [&](const char* key, const Json& value) {
    Json route = all;
    route[key] = value;
    return route;
  };
  CHECK(warning(all, "plant/#") == "/routes/1/match");
  CHECK(warning(all, "$sluice/gaps") == "/routes/1/match");
  CHECK(warning(all, "$other/#") == "");
  CHECK(warning(with("match", "plant/+/x"), "plant/#") == "");
  CHECK(warning(with("match", "#"), "$sluice/gaps") == "");
  CHECK(warning(with("continue", true), "plant/#") == "");
  CHECK(warning(with("except", "plant/a"), "plant/#") == "");
}

}  // namespace
}  // namespace sluice
