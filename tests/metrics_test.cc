// What Prometheus and a supervisor are told.
#include "gateway/metrics.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "gateway/ledger_desk.h"
#include "gateway/metrics_text.h"
#include "gateway/readiness.h"
#include "tests/fakes.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A gateway with two sinks, one of which is away.
MetricsFacts Facts() {
  MetricsFacts facts;
  facts.status.version = "1.2.3";
  facts.status.config_hash = "0123456789abcdef";
  facts.status.clock.wall = WallTime(seconds(1'000));
  facts.status.max_bytes = 1 << 20;
  facts.status.sources = {{"local", "live", "", {{"pauses", 2}}, true}, {"far", "waiting", "refused", {}, false}};
  facts.status.lanes = {{1, "cloud", "normal", 0, 0, 0}, {2, "cloud", "alert", 0, 0, 0}, {3, "copy", "normal", 0, 0, 0}};
  facts.status.forwarders = {
      {1, "waiting", 0, "broker down", {}, 0, 100, true}, {2, "live", 0, "", {}, 0, 11, false}, {3, "live", 0, "", {}, 0, 7, false}};
  facts.counters.emplace();
  facts.counters->values = {
      {"source/local/received", 10}, {"source/local/unprotected", 2}, {"source/local/qos2", 3}, {"lane/1/delivered", 5}};
  return facts;
}

/// The value of a sample, as text; empty: there is none.
std::string Sample(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name + " ");
  if (at == std::string::npos) return "";
  const std::size_t value = at + name.size() + 2;
  return text.substr(value, text.find('\n', value) - value);
}

std::string Sample(const MetricsFacts& facts, const std::string& name) {
  return Sample(MetricsOf(facts), name);
}

TEST_CASE("metrics: events that came are told by QoS, and those add up to the ledger") {
  const std::string text = MetricsOf(Facts());
  CHECK(Sample(text, R"(sluice_events_received_total{source="local",qos="0"})") == "2");
  CHECK(Sample(text, R"(sluice_events_received_total{source="local",qos="1"})") == "5");
  CHECK(Sample(text, R"(sluice_events_received_total{source="local",qos="2"})") == "3");
}

TEST_CASE("metrics: a sink that is not configured any more is neither up nor down") {
  MetricsFacts facts = Facts();
  facts.status.forwarders[2].state = "orphaned";
  CHECK(Sample(Facts(), R"(sluice_sink_up{sink="copy"})") == "1");
  CHECK(Sample(facts, R"(sluice_sink_up{sink="copy"})").empty());
  CHECK(Sample(facts, R"(sluice_sink_up{sink="cloud"})") == "0");
}

TEST_CASE("metrics: a source that is configured but silent, and one that was removed, are both there") {
  MetricsFacts facts = Facts();
  facts.counters->values["source/removed/received"] = 4;
  CHECK(Sample(facts, R"(sluice_events_received_total{source="far",qos="1"})") == "0");
  CHECK(Sample(facts, R"(sluice_events_received_total{source="removed",qos="1"})") == "4");
  CHECK(Sample(facts, R"(sluice_source_connected{source="far"})") == "0");
  CHECK(Sample(facts, R"(sluice_source_connected{source="local"})") == "1");
  CHECK(Sample(facts, R"(sluice_source_losses_total{source="local",kind="pauses"})") == "2");
}

TEST_CASE("metrics: what was never counted is 0 and not missing, so that its first increase is seen") {
  CHECK(Sample(Facts(), R"(sluice_events_dropped_total{sink="copy",class="normal",reason="quota"})") == "0");
  CHECK(Sample(Facts(), R"(sluice_events_refused_total{source="local",reason="too_large"})") == "0");
  CHECK(Sample(Facts(), R"(sluice_starts_total{reason="power_loss"})") == "0");
}

TEST_CASE("metrics: each reason to leave a lane unsent is told, so that its account adds up") {
  MetricsFacts facts = Facts();
  const std::string lane = R"(sluice_events_dropped_total{sink="copy",class="normal",reason=)";
  const std::pair<const char*, std::int64_t> reasons[] = {{"quota", 1}, {"ttl", 2}, {"purged", 3}, {"moved", 4}};
  for (const auto& [reason, events] : reasons) facts.counters->values["lane/3/dropped/" + std::string(reason)] = events;
  for (const auto& [reason, events] : reasons) CHECK(Sample(facts, lane + "\"" + reason + "\"}") == std::to_string(events));
}

TEST_CASE("metrics: a dead letter is counted by its kind, and a replay takes nothing back") {
  MetricsFacts facts = Facts();
  facts.counters->values["lane/1/dead_lettered"] = 5;
  facts.counters->values["lane/1/dead_letters_replayed"] = 2;
  facts.counters->values["lane/1/dead_letters_misfit"] = 3;
  facts.counters->values["lane/1/dead_letters_damaged"] = 1;
  const std::string lane = R"(sluice_events_dead_lettered_total{sink="cloud",class="normal",reason=)";
  CHECK(Sample(facts, lane + "\"refused\"}") == "3");
  CHECK(Sample(facts, lane + "\"misfit\"}") == "3");
  CHECK(Sample(facts, lane + "\"damaged\"}") == "1");
}

TEST_CASE("metrics: a sink is up if none of its lanes is in trouble, and what it was sent is the sum of them") {
  const std::string text = MetricsOf(Facts());
  CHECK(Sample(text, R"(sluice_sink_up{sink="cloud"})") == "0");
  CHECK(Sample(text, R"(sluice_sink_up{sink="copy"})") == "1");
  CHECK(Sample(text, R"(sluice_sink_sent_bytes_total{sink="cloud"})") == "111");
}

TEST_CASE("metrics: the oldest event has an age, 0 if none waits, and never a negative one") {
  MetricsFacts facts = Facts();
  facts.counters->oldest[1] = WallTime(milliseconds(989'500));
  facts.counters->oldest[2] = WallTime(seconds(2'000));  // The clock was set back since.
  CHECK(Sample(facts, R"(sluice_lane_oldest_event_age_seconds{sink="cloud",class="normal"})") == "10.5");
  CHECK(Sample(facts, R"(sluice_lane_oldest_event_age_seconds{sink="cloud",class="alert"})") == "0");
  CHECK(Sample(facts, R"(sluice_lane_oldest_event_age_seconds{sink="copy",class="normal"})") == "0");
}

TEST_CASE("metrics: an outbox that does not answer is told, with all that is known without it") {
  MetricsFacts facts = Facts();
  CHECK(Sample(facts, "sluice_outbox_up") == "1");
  facts.counters.reset();
  facts.outbox_answers = false;
  CHECK(Sample(facts, "sluice_outbox_up") == "0");
  CHECK(Sample(facts, R"(sluice_sink_up{sink="copy"})") == "1");
  CHECK(MetricsOf(facts).find("sluice_events_received_total") == std::string::npos);
  facts = Facts();
  facts.status.outbox_trouble = "disk full";
  CHECK(Sample(facts, "sluice_outbox_up") == "0");
}

TEST_CASE("metrics: of several certificates for one sink the first to end counts; one that cannot be read is left out") {
  MetricsFacts facts = Facts();
  facts.status.certificates.push_back({"sink cloud", WallTime(seconds(300))});
  facts.status.certificates.push_back({"sink cloud", WallTime(seconds(200))});
  facts.status.certificates.push_back({"sink copy", Fail(ErrorCode::kUnavailable, "no such file")});
  CHECK(Sample(facts, R"(sluice_certificate_expiry_timestamp_seconds{used_by="sink cloud"})") == "200");
  CHECK(MetricsOf(facts).find("used_by=\"sink copy\"") == std::string::npos);
}

TEST_CASE("metrics: a configuration that is not that of the files counts as a failed reload") {
  MetricsFacts facts = Facts();
  CHECK(Sample(facts, "sluice_config_last_reload_successful") == "1");
  facts.status.config_problem = "sluice.json:3: ...";
  CHECK(Sample(facts, "sluice_config_last_reload_successful") == "0");
}

TEST_CASE("metrics: each family is told once, with its help and type before its samples") {
  const std::string text = MetricsOf(Facts());
  std::string family;
  std::map<std::string, int> seen;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      CHECK_MESSAGE(++seen[family] == 1, family);
    } else {
      const std::size_t name = line.starts_with("# TYPE ") ? 7 : 0;
      CHECK_MESSAGE(line.compare(name, family.size(), family) == 0, line);
    }
  }
  CHECK(seen.size() > 25);
}

TEST_CASE("metrics text: quotes, backslashes and line ends of a label cannot end it") {
  MetricsText text;
  text.Begin("m", MetricsText::Type::kGauge, "h");
  text.Add(1.5, {{"l", "a\"b\\c\nd"}});
  CHECK(text.text() == "# HELP m h\n# TYPE m gauge\nm{l=\"a\\\"b\\\\c\\nd\"} 1.5\n");
}

TEST_CASE("metrics text: numbers are whole, or exact, and have no exponent") {
  MetricsText text;
  text.Begin("m", MetricsText::Type::kGauge, "h");
  for (const double value : {0.0, 0.0005, 1e15, 1795716769.39, 18446744073709551615.0, -2.0}) text.Add(value);
  CHECK(text.text().ends_with("m 0\nm 0.0005\nm 1000000000000000\nm 1795716769.39\nm 18446744073709551616\nm -2\n"));
}

TEST_CASE("metrics text: a family without samples is left out") {
  MetricsText text;
  text.Begin("m", MetricsText::Type::kGauge, "h");
  text.Begin("n", MetricsText::Type::kCounter, "h");
  text.Add(1);
  CHECK(text.text() == "# HELP n h\n# TYPE n counter\nn 1\n");
}

TEST_CASE("histogram: buckets add up, a bound is part of its bucket, and nothing is lost at the ends") {
  Histogram histogram;
  for (const auto took : {seconds(-1), seconds(0), seconds(1), seconds(60), seconds(1'000)}) histogram.Add(took);
  histogram.Add(milliseconds(500));
  CHECK(histogram.AtMost(0) == 2);
  CHECK(histogram.AtMost(9) == 3);   // 0.5 s
  CHECK(histogram.AtMost(10) == 4);  // 1 s
  CHECK(histogram.AtMost(13) == 5);  // 60 s
  CHECK(histogram.Count() == 6);
  CHECK(histogram.Sum() == 1061.5);
  MetricsText text;
  text.Begin("h", MetricsText::Type::kHistogram, "h");
  text.Add(histogram);
  CHECK(Sample(text.text(), R"(h_bucket{le="0.0005"})") == "2");
  CHECK(Sample(text.text(), R"(h_bucket{le="+Inf"})") == "6");
  CHECK(Sample(text.text(), "h_count") == "6");
}

nlohmann::json Body(const HttpReply& reply) {
  return nlohmann::json::parse(reply.body);
}

TEST_CASE("readiness: a broker or an uplink that is away costs none, but is named") {
  const HttpReply reply = ReadinessOf(Facts().status, "");
  CHECK(reply.status == 200);
  CHECK(Body(reply)["ready"] == true);
  CHECK(Body(reply)["problems"] ==
        nlohmann::json{"source far is not connected (waiting): refused", "sink cloud takes no events of class normal: broker down"});
}

TEST_CASE("readiness: an outbox that cannot be written or does not answer, and a stop, cost it, with the reason") {
  StatusFacts facts = Facts().status;
  CHECK(ReadinessOf(facts, "the outbox does not answer").status == 503);
  facts.outbox_trouble = "disk full";
  const HttpReply reply = ReadinessOf(facts, "");
  CHECK(reply.status == 503);
  CHECK(Body(reply)["reasons"][0].get<std::string>().find("disk full") != std::string::npos);
  facts = Facts().status;
  facts.stopping = true;
  CHECK(ReadinessOf(facts, "the outbox is closing").status == 503);
}

TEST_CASE("readiness: a configuration that is not that of the files is named") {
  StatusFacts facts;
  facts.config_problem = "sluice.json:3: unknown key";
  facts.last_reload_ok = false;
  const HttpReply reply = ReadinessOf(facts, "");
  CHECK(reply.status == 200);
  CHECK(Body(reply)["problems"].size() == 2);
  CHECK(reply.body.find("unknown key") != std::string::npos);
}

/// A desk at a store that answers when it is told to.
struct Desk {
  void Ask() {
    desk.Ask([this](const LedgerDesk::Answer& answer) {
      answers.push_back(answer.trouble);
      knows.push_back(answer.counters.has_value());
    });
  }

  FakeClock clock;
  FakeStore store{clock};
  LedgerDesk desk{store, clock};
  std::vector<std::string> answers;
  std::vector<bool> knows;
};

TEST_CASE("ledger desk: all who ask get the store's answer") {
  Desk desk;
  desk.Ask();
  desk.Ask();
  CHECK(desk.answers.empty());
  desk.clock.Advance(milliseconds(1));
  CHECK(desk.answers == std::vector<std::string>{"", ""});
  CHECK(desk.knows == std::vector<bool>{true, true});
}

TEST_CASE("ledger desk: a store that fails is told, with what was known last") {
  Desk desk;
  desk.Ask();
  desk.clock.Advance(milliseconds(1));
  desk.store.refuse_reads = true;
  desk.Ask();
  desk.clock.Advance(milliseconds(1));
  CHECK(desk.answers.back() == "reads refused");
  CHECK(desk.knows.back());
}

/// A store that is stuck.
class StuckStore : public FakeStore {
 public:
  using FakeStore::FakeStore;
  void Counters(std::function<void(Result<StoreCounters>)> done) override {
    ++asked;
    waiting = std::move(done);
  }
  int asked = 0;
  std::function<void(Result<StoreCounters>)> waiting;
};

TEST_CASE("ledger desk: nobody waits for a store that does not answer, and it is asked once until it does") {
  FakeClock clock;
  StuckStore store{clock};
  LedgerDesk desk{store, clock};
  int troubles = 0;
  int answers = 0;
  const auto count = [&](const LedgerDesk::Answer& answer) { ++(answer.trouble.empty() ? answers : troubles); };
  desk.Ask(count);
  clock.Advance(LedgerDesk::kPatience);
  CHECK(troubles == 1);
  desk.Ask(count);
  clock.Advance(LedgerDesk::kPatience);
  CHECK(troubles == 2);
  CHECK(store.asked == 1);
  desk.Ask(count);
  store.waiting(StoreCounters{});
  CHECK(answers == 1);
  clock.Advance(2 * LedgerDesk::kPatience);
  CHECK(troubles == 2);
}

TEST_CASE("ledger desk: once it is closed the store is left alone, and everybody still gets an answer") {
  Desk desk;
  desk.desk.Close();
  desk.Ask();
  CHECK(desk.answers.empty());
  desk.clock.Advance(milliseconds(1));
  CHECK(desk.answers.size() == 1);
  CHECK(!desk.knows[0]);
}

}  // namespace
}  // namespace sluice
