#include "gateway/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/temp_dir.h"

namespace sluice {
namespace {

/// What `log` writes to stderr.
template <typename F>
std::string Captured(F log) {
  TempDir dir;
  const int kept = ::dup(STDERR_FILENO);
  const int file = ::open(dir.Path("log").c_str(), O_RDWR | O_CREAT, 0600);
  ::dup2(file, STDERR_FILENO);
  log();
  ::dup2(kept, STDERR_FILENO);
  ::close(file);
  ::close(kept);
  std::ifstream in(dir.Path("log"));
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST_CASE("log: whatever a value holds, it is one line, and it cannot forge a field") {
  ConfigureLog({}, true);
  const std::string text = Captured([] {
    Log(LogLevel::kWarning, "mqtt", "a b", {{"topic", "x\ny=\"1\"\x1b[31m"}, {"n", "1"}, {"empty", ""}});
  });
  CHECK(text == "<4>level=warning part=mqtt msg=\"a b\" topic=\"x\\u000ay=\\\"1\\\"\\u001b[31m\" n=1 empty=\"\"\n");
}

TEST_CASE("log: journald gets priorities, others the time") {
  ConfigureLog({}, true);
  CHECK(Captured([] { Log(LogLevel::kError, "p", "m"); }) == "<3>level=error part=p msg=m\n");
  ConfigureLog({}, false);
  CHECK(Captured([] { Log(LogLevel::kError, "p", "another"); }).starts_with("time=2"));
}

TEST_CASE("log: JSON lines are JSON, and levels below the configured one are silent") {
  ConfigureLog({.level = LogLevel::kWarning, .format = LogFormat::kJson}, false);
  CHECK(Captured([] { Log(LogLevel::kInfo, "p", "m"); }).empty());
  const auto json = nlohmann::json::parse(Captured([] { Log(LogLevel::kError, "p", "m \"q\"\n", {{"reason", "x"}}); }));
  CHECK(json["msg"] == "m \"q\"\n");
  CHECK(json["level"] == "error");
  CHECK(json["reason"] == "x");
}

TEST_CASE("log: what is said again is left out and counted; news of the daily business never is") {
  ConfigureLog({}, true);
  const std::string text = Captured([] {
    for (int i = 0; i < 3; ++i) Log(LogLevel::kWarning, "p", "again");
    for (int i = 0; i < 2; ++i) Log(LogLevel::kInfo, "p", "business");
  });
  CHECK(text == "<4>level=warning part=p msg=again\n<6>level=info part=p msg=business\n<6>level=info part=p msg=business\n");
}

}  // namespace
}  // namespace sluice
