// Alerts on their way through the chain, on virtual time: with which transaction they go, and when.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/chain.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr UploadShare::Window kWindow{120, 8u << 20};
constexpr const char* kHot = R"({"temp":90})";
constexpr const char* kCold = R"({"temp":20})";

Config MakeConfig(Duration hold = Duration(0)) {
  Config config = MakeChainConfig();
  RuleConfig rule;
  rule.alert = "Hot";
  rule.match = {"cloud/normal/{press}"};
  rule.when = "temp > 80";
  rule.for_at_least = hold;
  config.rules = {rule};
  return config;
}

std::vector<nlohmann::json> Alerts(Chain& chain) {
  std::vector<nlohmann::json> alerts;
  for (const Row& row : chain.Sink("cloud", "alert").rows) alerts.push_back(nlohmann::json::parse(row.event.payload));
  return alerts;
}

std::size_t Appends(const Batch& batch) {
  return batch.appends.size();
}

TEST_CASE("alerts: an alert is a row of its event's transaction, right behind it, with the state of its rule") {
  Chain chain(MakeConfig(), kWindow);
  chain.Send("cloud/normal/1", kCold);
  chain.Send("cloud/normal/1", kHot);
  chain.Send("cloud/normal/1", kHot);
  chain.Advance(milliseconds(200));
  REQUIRE(chain.store.batches.size() == 1);
  const Batch& batch = chain.store.batches[0];
  CHECK(Appends(batch) == 2);
  REQUIRE(batch.rule_records.size() == 1);
  CHECK(batch.rule_records[0].rule == "Hot");
  const auto& events = chain.Sink("cloud", "normal").sent;
  CHECK(events == std::vector<Seq>{1, 2, 4});
  CHECK(chain.Sink("cloud", "alert").sent == std::vector<Seq>{3});
  REQUIRE(Alerts(chain).size() == 1);
  CHECK(Alerts(chain)[0]["cause"] == "gw:box:2");
}

TEST_CASE("alerts: one that is over and fires again within a transaction is told three times, and its state once") {
  Chain chain(MakeConfig(), kWindow);
  for (const char* payload : {kHot, kCold, kHot}) chain.Send("cloud/normal/1", payload);
  chain.Advance(milliseconds(200));
  REQUIRE(Alerts(chain).size() == 3);
  CHECK(Alerts(chain)[1]["incident"] == Alerts(chain)[0]["incident"]);
  CHECK(Alerts(chain)[2]["incident"] != Alerts(chain)[0]["incident"]);
  REQUIRE(chain.store.batches.size() == 1);
  CHECK(chain.store.batches[0].rule_records.size() == 1);
}

TEST_CASE("alerts: an event waits for the rules no longer than a look, and its alert not for commit_every") {
  Chain chain(MakeConfig(), kWindow);
  chain.Send("cloud/normal/1", kCold);
  chain.Advance(milliseconds(50));
  CHECK(chain.store.commits == 0);
  chain.Send("cloud/normal/1", kHot);
  chain.Advance(milliseconds(10));
  CHECK(chain.Sink("cloud", "alert").sent.size() == 1);
  CHECK(chain.Sink("cloud", "normal").sent.size() == 2);
}

TEST_CASE("alerts: what the rules have looked at already is acknowledged only once it is durable") {
  Chain chain(MakeConfig(), kWindow);
  chain.Send("cloud/normal/1", kCold);
  chain.Advance(milliseconds(50));
  CHECK(chain.Done() == 0);
  chain.Advance(milliseconds(100));
  CHECK(chain.Done() == 1);
}

TEST_CASE("alerts: `for` passes without an event") {
  Chain chain(MakeConfig(seconds(30)), kWindow);
  chain.Send("cloud/normal/1", kHot);
  chain.Advance(seconds(29));
  CHECK(Alerts(chain).empty());
  chain.Advance(seconds(2));
  REQUIRE(Alerts(chain).size() == 1);
  CHECK_FALSE(Alerts(chain)[0].contains("cause"));
}

TEST_CASE("alerts: a transaction that fails takes event, alert and state with it, and brings them once when it works") {
  Chain chain(MakeConfig(), kWindow);
  chain.store.refuse_all = ErrorCode::kUnavailable;
  chain.Send("cloud/normal/1", kHot);
  chain.Advance(seconds(3));
  CHECK(chain.store.rule_records.empty());
  CHECK(Alerts(chain).empty());
  chain.store.refuse_all.reset();
  chain.Send("cloud/normal/1", kCold);
  chain.Advance(seconds(3));
  REQUIRE(Alerts(chain).size() == 2);
  CHECK(Alerts(chain)[0]["status"] == "firing");
  CHECK(Alerts(chain)[1]["status"] == "resolved");
  CHECK(chain.store.rule_records.empty());
  CHECK(chain.Done() == 2);
}

TEST_CASE("alerts: an event that goes nowhere can cause one, and has an id for it") {
  Config config = MakeConfig();
  config.rules[0].match = {"nowhere/{press}"};
  Chain chain(config, kWindow);
  chain.Send("nowhere/1", kHot);
  chain.Send("nowhere/1", kCold);
  chain.Advance(milliseconds(200));
  REQUIRE(Alerts(chain).size() == 2);
  CHECK(Alerts(chain)[0]["cause"] == "gw:box:1");
  CHECK(Alerts(chain)[1]["cause"] == "gw:box:3");
  CHECK(chain.Done() == 2);
}

TEST_CASE("alerts: windows are kept once a minute, in a transaction of their own that holds up nothing when it fails") {
  Config config = MakeConfig();
  config.rules[0].when = "avg(temp, 10m) > 80";
  Chain chain(config, kWindow);
  const auto is_memory = [](const auto& record) { return std::get<0>(record.first) == RuleRecord::Kind::kMemory; };
  const auto kept = [&] { return std::count_if(chain.store.rule_records.begin(), chain.store.rule_records.end(), is_memory); };
  for (int i = 0; i < 50; ++i) {
    chain.Send("cloud/normal/1", kHot);
    chain.Advance(seconds(1));
  }
  CHECK(kept() == 0);
  chain.store.refuse_all = ErrorCode::kUnavailable;
  chain.Advance(seconds(15));
  chain.store.refuse_all.reset();
  chain.Send("cloud/normal/1", kHot);
  chain.Advance(seconds(2));
  CHECK(chain.Done() == 51);
  chain.Advance(seconds(70));
  CHECK(kept() == 1);
}

TEST_CASE("alerts: a stop keeps all windows") {
  Config config = MakeConfig();
  config.rules[0].when = "avg(temp, 5s) > 80";
  Chain chain(config, kWindow);
  chain.Send("cloud/normal/1", kCold);
  chain.Advance(milliseconds(200));
  CHECK(chain.store.rule_records.empty());
  chain.alert_desk->Stop();
  bool clean = false;
  chain.committer.Flush([&](bool all) { clean = all; });
  chain.Advance(milliseconds(100));
  CHECK(clean);
  CHECK(chain.store.rule_records.size() == 1);
}

TEST_CASE("alerts: a stop keeps what the windows took from the last events, too") {
  Config config = MakeConfig();
  config.rules[0].when = "avg(temp, 5s) > 80";
  Chain chain(config, kWindow);
  chain.Send("cloud/normal/1", kCold);
  chain.alert_desk->Stop();
  chain.committer.Flush([](bool) {});
  chain.Advance(milliseconds(100));
  REQUIRE(chain.store.batches.size() == 2);
  CHECK(Appends(chain.store.batches[0]) == 1);
  CHECK(chain.store.batches[1].rule_records.size() == 1);
}

TEST_CASE("alerts: time passes for the rules while events come without a pause") {
  Chain chain(MakeConfig(seconds(2)), kWindow);
  chain.Send("cloud/normal/1", kHot);
  for (int i = 0; i < 300; ++i) {
    // As it is when more comes while a transaction is made.
    chain.store.on_commit = [&] { chain.Send("cloud/bulk/1", "x"); };
    chain.Send("cloud/bulk/1", "x");
    chain.Advance(milliseconds(10));
  }
  CHECK(Alerts(chain).size() == 1);
}

}  // namespace
}  // namespace sluice
