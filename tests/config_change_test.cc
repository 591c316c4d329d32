// What a reload works with: differences, the last good configuration, credentials.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/difference.h"
#include "config/last_good.h"
#include "config/reading.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

Json Minimal() {
  return Json::parse(R"({
    "sources": { "local": { "type": "mqtt", "url": "mqtts://127.0.0.1", "username": "u", "password": "canary-1", "subscribe": { "plant/#": {} } } },
    "sinks": { "cloud": { "type": "file", "path": "/tmp/x" } },
    "routes": [ { "name": "a", "match": "plant/a", "to": "cloud" }, { "name": "b", "match": "plant/b", "to": "cloud" } ] })");
}

ConfigReading Read(const TempDir& dir, const Json& json) {
  ConfigReading reading = ReadConfig(ReadConfigFiles(dir.Write("sluice.json", json.dump())));
  REQUIRE(reading.loaded.mistakes.empty());
  return reading;
}

std::vector<std::string> Changes(const Json& from, const Json& to) {
  TempDir dir;
  const ConfigReading before = Read(dir, from);
  const ConfigReading after = Read(dir, to);
  std::vector<std::string> all;
  for (const ConfigChange& change : Differences(before.loaded.config, after.loaded.config)) all.push_back(FormatChange(change));
  return all;
}

bool HasText(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

TEST_CASE("config change: the same is no difference, also if it is written otherwise") {
  Json other = Minimal();
  other["outbox"]["commit_every"] = "100ms";
  other["unrouted"] = "drop";
  CHECK(Changes(Minimal(), other).empty());
}

TEST_CASE("config change: what is new, gone and other is told by its pointer, with its values") {
  Json other = Minimal();
  other["outbox"]["max_bytes"] = "1GiB";
  other["sinks"]["cloud"]["limit"]["events_per_s"] = 7;
  CHECK(Changes(Minimal(), other) ==
        std::vector<std::string>{"~ /outbox/max_bytes: \"2GiB\" -> \"1GiB\"", "+ /sinks/cloud/limit/events_per_s: 7"});
  CHECK(HasText(Changes(other, Minimal()), "- /sinks/cloud/limit/events_per_s: 7"));
}

TEST_CASE("config change: a route in front of others is a new route and an order, not a change of all of them") {
  Json other = Minimal();
  other["routes"].insert(other["routes"].begin(), Json{{"name", "c"}, {"match", "plant/c"}, {"to", "cloud"}});
  const std::vector<std::string> changes = Changes(Minimal(), other);
  CHECK(HasText(changes, "+ /routes/c/match"));
  CHECK(HasText(changes, "~ /routes (order): [\"a\",\"b\"] -> [\"c\",\"a\",\"b\"]"));
  CHECK_FALSE(HasText(changes, "/routes/a/"));
}

TEST_CASE("config change: a secret is told to have changed, and never shown") {
  Json other = Minimal();
  other["sources"]["local"]["password"] = "canary-2";
  const std::vector<std::string> changes = Changes(Minimal(), other);
  CHECK(changes == std::vector<std::string>{"~ /sources/local/password: changed"});
}

TEST_CASE("config change: credentials are the same until a secret or the file of a certificate is another") {
  TempDir dir;
  Json json = Minimal();
  json["sources"]["local"]["password"] = "${file:" + dir.Write("secret", "one") + "}";
  json["sources"]["local"]["tls"] = {{"cert_file", dir.Write("cert.pem", "1")}, {"key_file", dir.Path("key.pem")}};
  const ConfigReading before = Read(dir, json);
  CHECK(HasSameCredentials(before, ReadConfig(before.files)));
  dir.Write("secret", "two");
  const ConfigReading other_secret = ReadConfig(before.files);
  CHECK_FALSE(HasSameCredentials(before, other_secret));
  // In place of the other one, as tools that renew certificates do it.
  std::filesystem::rename(dir.Write("new.pem", "2"), dir.Path("cert.pem"));
  CHECK_FALSE(HasSameCredentials(other_secret, ReadConfig(before.files)));
  const ConfigReading other_certificate = ReadConfig(before.files);
  dir.Write("key.pem", "there now");
  CHECK_FALSE(HasSameCredentials(other_certificate, ReadConfig(before.files)));
}

TEST_CASE("config change: the last good configuration reads back as it was written, for its user only, and is replaced as a whole") {
  TempDir dir;
  const LastGood last_good(dir.Path(""));
  CHECK_FALSE(last_good.Read());
  dir.Write("etc/conf.d/10-more.json", "{ // with a comment\n \"log\": {} }");
  dir.Write("etc/rules.d/a.json", "[]");
  const ConfigFiles files = ReadConfigFiles(dir.Write("etc/sluice.json", Minimal().dump(2)));
  REQUIRE(files.files.size() == 3);
  REQUIRE(last_good.Keep(files));
  REQUIRE(last_good.Read());
  CHECK(last_good.Read()->files == files.files);
  struct stat status {};
  REQUIRE(::stat(last_good.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  // The same again leaves the file alone.
  REQUIRE(last_good.Keep(files));
  struct stat again {};
  REQUIRE(::stat(last_good.path().c_str(), &again) == 0);
  CHECK(again.st_ino == status.st_ino);
}

TEST_CASE("config change: a copy that is damaged is as none, and one that cannot be written leaves the one before") {
  TempDir dir;
  const LastGood last_good(dir.Path(""));
  const ConfigFiles files = ReadConfigFiles(dir.Write("sluice.json", Minimal().dump()));
  REQUIRE(last_good.Keep(files));
  const std::uintmax_t size = std::filesystem::file_size(last_good.path());
  for (const std::uintmax_t left : {std::uintmax_t{0}, size / 2, size - 3}) {
    std::filesystem::resize_file(last_good.path(), left);
    CHECK_FALSE(last_good.Read());
  }
  for (const char* text :
       {"[]", "{}", "{\"files\": [1]}", "{\"files\": []}", "{\"files\": [{\"part\": \"x\", \"name\": \"\", \"text\": \"\"}]}",
        "{\"files\": [{\"part\": \"rules.d\", \"name\": \"\", \"text\": \"[]\"}]}"}) {
    dir.Write("last-good-config.json", text);
    CHECK_FALSE(last_good.Read());
  }
  CHECK_FALSE(LastGood(dir.Path("not/there")).Keep(files));
}

}  // namespace
}  // namespace sluice
