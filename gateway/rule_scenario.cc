#include "gateway/rule_scenario.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "gateway/alert_desk.h"
#include "gateway/own_event.h"
#include "gateway/quantities.h"
#include "gateway/rules.h"
#include "gateway/suggestion.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;
using Step = RuleScenario::Step;
using What = RuleScenario::What;
using Expected = RuleScenario::Expected;

constexpr std::size_t kMaxEvents = 10'000'000;
const WallTime kStart = WallTime(std::chrono::seconds(1'767'225'600));  // 2026-01-01T00:00:00Z
const Identity kIdentity{"gateway", "scenario"};

// ------------------------------------------------------------------------------------------------------------- reading

/// Thrown while a scenario is read; caught in Parse.
struct Mistake {
  std::string message;
};

Duration DurationOf(const Json& json, const char* key) {
  const Json value = json.value(key, Json("0s"));
  const Result<Duration> duration = ParseDuration(value.is_string() ? value.get<std::string>() : "");
  if (!duration) throw Mistake{std::string(key) + ": " + duration.error().message};
  return *duration;
}

void CheckKeys(const Json& json, const std::vector<std::string>& known) {
  if (!json.is_object()) throw Mistake{"an object {...} is expected"};
  for (const auto& [key, ignored] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw Mistake{"the key `" + key + "` is not known here." + Suggestion(key, known)};
  }
}

std::string PayloadOf(const Json& json) {
  if (json.contains("payload_hex")) {
    const std::string hex = json["payload_hex"].get<std::string>();
    if (hex.size() % 2 != 0 || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      throw Mistake{"`payload_hex` has two hexadecimal digits for each byte"};
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
  }
  if (!json.contains("payload")) throw Mistake{"an event has a `payload`, or a `payload_hex`"};
  const Json& payload = json["payload"];
  return payload.is_string() ? payload.get<std::string>() : payload.dump();
}

void ReadEvent(const Json& json, Step& step) {
  step.what = What::kEvent;
  step.topic = json["topic"].get<std::string>();
  step.payload = PayloadOf(json);
  step.source = json.value("source", "");
  step.retained = json.value("retained", false);
  step.every = DurationOf(json, "every");
  step.times = json.value("times", std::size_t{1});
  if (step.times > 1 && step.every.count() == 0) throw Mistake{"`times` wants `every`"};
}

void ReadRestart(const Json& json, Step& step) {
  static const std::map<std::string, What> kWhat = {{"stop", What::kStop}, {"crash", What::kCrash}, {"power_cut", What::kPowerCut}};
  const auto what = kWhat.find(json["restart"].get<std::string>());
  if (what == kWhat.end()) throw Mistake{"`restart` is `stop`, `crash` or `power_cut`"};
  step.what = what->second;
  step.duration = DurationOf(json, "off");
}

void ReadClock(const Json& json, Step& step) {
  const std::string text = json["clock"].get<std::string>();
  if (text == "synchronized" || text == "unsynchronized") {
    step.what = What::kSynchronized;
    step.is_on = text == "synchronized";
    return;
  }
  const Result<Duration> by = ParseDuration(text.empty() ? text : text.substr(1));
  if (!by || (text[0] != '+' && text[0] != '-')) throw Mistake{"`clock` is `+1h`, `-5m`, `synchronized` or `unsynchronized`"};
  step.what = What::kClock;
  step.duration = text[0] == '-' ? -*by : *by;
}

Step StepOf(const Json& json) {
  CheckKeys(json,
            {"at", "every", "times", "topic", "payload", "payload_hex", "source", "retained", "restart", "off", "connection", "clock"});
  Step step;
  step.at = DurationOf(json, "at");
  if (json.contains("topic")) ReadEvent(json, step);
  if (json.contains("restart")) ReadRestart(json, step);
  if (json.contains("clock")) ReadClock(json, step);
  if (json.contains("connection")) {
    step.what = What::kConnection;
    step.is_on = json["connection"] == "back";
    if (!step.is_on && json["connection"] != "lost") throw Mistake{"`connection` is `lost` or `back`"};
  }
  return step;
}

Expected ExpectedOf(const Json& json) {
  CheckKeys(json, {"at", "alert", "status", "labels", "annotations", "value", "inputs", "reason", "suppressed"});
  Expected expected{DurationOf(json, "at"), json.value("alert", ""), json.value("status", "firing"), ""};
  Json rest = json;
  for (const char* told : {"at", "alert", "status"}) rest.erase(told);
  expected.rest = rest.dump();
  return expected;
}

// ------------------------------------------------------------------------------------------------------------- running

/// A box with rules on it, on virtual time: what is kept survives its restarts.
class VirtualBox {
 public:
  struct Told {
    Duration at;
    Json document;
  };

  explicit VirtualBox(const Config& config) : config_(config) {}

  Result<void> Boot() {
    Result<std::unique_ptr<Rules>> rules = Rules::Create(config_, kIdentity);
    if (!rules) return tl::unexpected<Error>(rules.error());
    desk_.emplace(std::move(*rules), AliveClock(kept_, reading_),
                  [this] { return std::vector<bool>(config_.sources.size(), is_connected_); });
    std::vector<RuleRecord> records;
    for (const auto& [id, data] : records_) records.push_back({std::get<0>(id), std::get<1>(id), std::get<2>(id), data});
    desk_->Start(std::move(records), reading_);
    Commit();
    return {};
  }

  /// To that time since the start, step by step as the rules wish.
  void AdvanceTo(Duration at) {
    if (at <= at_) return;
    Commit();  // What came at one moment comes before what falls due then.
    while (const std::optional<Duration> wake = desk_->UntilWake(reading_)) {
      const Duration next = at_ + std::max(*wake, Duration(1));
      if (next >= at) break;
      Pass(next - at_);
      Commit();
    }
    Pass(at - at_);
  }

  void Show(const Step& step) {
    Event event;
    event.topic = step.topic;
    event.payload = step.payload;
    event.retained = step.retained;
    event.received = reading_.wall;
    event.since_boot = reading_.boot.since_boot;
    std::string source = step.source;
    FindSource(event, source);
    desk_->OnEvent(event, source, reading_, ++seq_);
    is_changed_ = true;
  }

  /// What has come in so far is durable, and what is to be told is told.
  void Commit() {
    if (desk_->IsCheckpointDue(reading_)) Keep(desk_->TakeCheckpoint(reading_));
    desk_->Advance(reading_);
    for (AlertEvent& alert : desk_->TakeAlerts()) {
      told_.push_back({at_, Json::parse(alert.payload)});
      is_changed_ = true;
    }
    std::vector<RuleRecord> records;
    desk_->TakeRecords(records);
    Keep(std::move(records));
    if (std::exchange(is_changed_, false)) KeepClock();
  }

  Result<void> Restart(const Step& step) {
    Commit();
    if (step.what == What::kStop) {
      desk_->Stop();
      std::vector<RuleRecord> records = desk_->TakeCheckpoint(reading_);
      desk_->TakeRecords(records);
      Keep(std::move(records));
      KeepClock();
    }
    Pass(step.duration);
    if (step.what == What::kPowerCut) reading_.boot = {reading_.boot.boot + 1, std::chrono::seconds(1)};
    return Boot();
  }

  void SetConnected(bool is_connected) { is_connected_ = is_connected; }
  void SetSynchronized(bool is_synchronized) { reading_.synchronized = is_synchronized; }
  void SetClock(Duration by) { reading_.wall += by; }

  const std::vector<Told>& told() const { return told_; }
  std::vector<RuleStatus> Status() const { return desk_->Status(); }

 private:
  void Pass(Duration time) {
    at_ += time;
    reading_.wall += time;
    reading_.boot.since_boot += time;
  }

  // The first source that subscribes says what it is called and how its payloads are read.
  void FindSource(Event& event, std::string& source) const {
    for (const MqttSourceConfig& candidate : config_.sources) {
      for (const Subscription& subscription : candidate.subscribe) {
        Captures captures;
        const Result<TopicFilter> filter = TopicFilter::Parse(WithoutShare(subscription.filter));
        if (!filter || !filter->Matches(event.topic, captures)) continue;
        event.format = subscription.format;
        if (source.empty()) source = candidate.name;
        return;
      }
    }
  }

  void Keep(std::vector<RuleRecord> records) {
    for (RuleRecord& record : records) {
      is_changed_ = true;
      const auto id = std::make_tuple(record.kind, record.rule, record.key);
      record.data.empty() ? static_cast<void>(records_.erase(id)) : static_cast<void>(records_[id] = std::move(record.data));
    }
  }

  void KeepClock() {
    kept_.reading = reading_;
    desk_->Keep(reading_, kept_);
  }

  const Config& config_;
  std::optional<AlertDesk> desk_;
  std::map<std::tuple<RuleRecord::Kind, std::string, std::string>, std::string> records_;
  ClockKept kept_;
  ClockReading reading_{.wall = kStart, .boot = {.boot = 1, .since_boot = std::chrono::seconds(1)}, .synchronized = true};
  Duration at_{0};
  Seq seq_ = 0;
  bool is_connected_ = true;
  bool is_changed_ = false;
  std::vector<Told> told_;
};

Result<void> Take(const Step& step, VirtualBox& box) {
  switch (step.what) {
    case What::kEvent:
      box.Show(step);
      break;
    case What::kStop:
    case What::kCrash:
    case What::kPowerCut:
      return box.Restart(step);
    case What::kConnection:
      box.Commit();  // How it was counts until now.
      box.SetConnected(step.is_on);
      break;
    case What::kClock:
      box.SetClock(step.duration);
      break;
    case What::kSynchronized:
      box.SetSynchronized(step.is_on);
      break;
    case What::kNothing:
      break;
  }
  return {};
}

std::vector<Step> InOrder(const std::vector<Step>& steps) {
  std::vector<Step> all;
  for (Step step : steps) {
    for (std::size_t time = 0; time < step.times; ++time, step.at += step.every) all.push_back(step);
  }
  std::stable_sort(all.begin(), all.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
  return all;
}

// ----------------------------------------------------------------------------------------------------------- comparing

std::string Line(Duration at, const std::string& status, const std::string& alert, const std::string& rest) {
  return FormatDuration(at) + "  " + alert + " " + status + "  " + rest;
}

std::string LineOf(const VirtualBox::Told& told) {
  Json rest;
  for (const char* key : {"labels", "value", "inputs", "annotations", "reason", "suppressed"}) {
    if (told.document.contains(key)) rest[key] = told.document[key];
  }
  rest["labels"].erase("alertname");
  return Line(told.at, told.document["status"], told.document["labels"]["alertname"], rest.dump());
}

bool IsNear(const Json& wanted, const Json& got) {
  if (!wanted.is_number() || !got.is_number()) return wanted == got;
  const double difference = std::abs(wanted.get<double>() - got.get<double>());
  return difference <= 1e-6 * std::max(1.0, std::abs(wanted.get<double>()));
}

// Empty: all that was wanted is there.
std::string Difference(const Expected& expected, const VirtualBox::Told& told) {
  const Json rest = Json::parse(expected.rest);
  for (const auto& [key, wanted] : rest.items()) {
    const Json got = told.document.value(key, Json());
    if (!wanted.is_object()) {
      if (!IsNear(wanted, got)) return key + " is " + got.dump() + ", not " + wanted.dump();
      continue;
    }
    for (const auto& [name, text] : wanted.items()) {
      const Json one = got.value(name, Json());
      if (!IsNear(text, one)) return key + "." + name + " is " + one.dump() + ", not " + text.dump();
    }
  }
  return "";
}

bool IsSame(const Expected& expected, const VirtualBox::Told& told) {
  return expected.at == told.at && told.document["status"] == Json(expected.status) &&
         told.document["labels"]["alertname"] == Json(expected.alert) && Difference(expected, told).empty();
}

// As diff does: the longest common part of both lists in order, the rest is what is missing and what is too much.
std::vector<std::string> Compare(const std::vector<Expected>& expected, const std::vector<VirtualBox::Told>& told) {
  const std::size_t rows = expected.size();
  const std::size_t columns = told.size();
  std::vector<std::vector<std::size_t>> common(rows + 1, std::vector<std::size_t>(columns + 1, 0));
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;) {
      common[i][j] = IsSame(expected[i], told[j]) ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::vector<std::string> misses;
  for (std::size_t i = 0, j = 0; i < rows || j < columns;) {
    if (i < rows && j < columns && IsSame(expected[i], told[j])) {
      ++i;
      ++j;
    } else if (j == columns || (i < rows && common[i + 1][j] >= common[i][j + 1])) {
      const Expected& missing = expected[i++];
      misses.push_back("- " + Line(missing.at, missing.status, missing.alert, missing.rest));
    } else {
      misses.push_back("+ " + LineOf(told[j++]));
    }
  }
  return misses;
}

// What may be the reason of a miss.
std::vector<std::string> Hints(const std::vector<RuleStatus>& rules) {
  std::vector<std::string> hints;
  for (const RuleStatus& rule : rules) {
    const RuleCounts& counts = rule.counts;
    if (counts.events == 0) hints.push_back("  " + rule.alert + " saw no event: does its `match` fit the topics?");
    if (counts.events > 0 && counts.missing == counts.events)
      hints.push_back("  " + rule.alert + ": in each of its " + std::to_string(counts.events) +
                      " events some field that it looks at was missing");
    if (counts.type_errors > 0)
      hints.push_back("  " + rule.alert + ": " + std::to_string(counts.type_errors) + " times a text stood where a number has to");
    if (counts.undecodable > 0)
      hints.push_back("  " + rule.alert + ": " + std::to_string(counts.undecodable) + " payloads could not be read");
  }
  return hints;
}

}  // namespace

Result<RuleScenario> RuleScenario::Parse(const std::string& text) {
  RuleScenario scenario;
  std::string place;
  try {
    const Json json = Json::parse(text, nullptr, true, true);
    CheckKeys(json, {"description", "config", "steps", "expect"});
    scenario.description_ = json.value("description", "");
    scenario.config_path_ = json.value("config", "");
    std::size_t events = 0;
    for (const Json& step : json.value("steps", Json::array())) {
      place = "steps/" + std::to_string(scenario.steps_.size()) + ": ";
      scenario.steps_.push_back(StepOf(step));
      events += scenario.steps_.back().times;
      if (events > kMaxEvents) throw Mistake{"a scenario has at most 10000000 events"};
    }
    for (const Json& expected : json.value("expect", Json::array())) {
      place = "expect/" + std::to_string(scenario.expected_.size()) + ": ";
      scenario.expected_.push_back(ExpectedOf(expected));
    }
  } catch (const Mistake& mistake) {
    return Fail(ErrorCode::kInvalid, place + mistake.message);
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInvalid, place + error.what());
  }
  return scenario;
}

Result<ScenarioOutcome> RuleScenario::Run(const Config& config) const {
  VirtualBox box(config);
  if (Result<void> booted = box.Boot(); !booted) return tl::unexpected<Error>(booted.error());
  for (const Step& step : InOrder(steps_)) {
    box.AdvanceTo(step.at);
    if (Result<void> taken = Take(step, box); !taken) return tl::unexpected<Error>(taken.error());
  }
  box.Commit();
  ScenarioOutcome outcome;
  outcome.description = description_;
  for (const VirtualBox::Told& told : box.told()) {
    outcome.alerts.push_back(LineOf(told));
    outcome.told.push_back(Json({{"at_ms", told.at.count()}, {"alert", told.document}}).dump());
  }
  outcome.misses = Compare(expected_, box.told());
  if (!outcome.misses.empty()) {
    for (std::string& hint : Hints(box.Status())) outcome.misses.push_back(std::move(hint));
  }
  return outcome;
}

}  // namespace sluice
