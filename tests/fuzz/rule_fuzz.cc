// Rules at work: a configuration, then what happens to a box: events, time, commits, checkpoints, connections, stops and crashes. As in the
// committer an alert is told with the records that are taken next; what was not told at a crash never was.
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "fuzz_input.h"
#include "fuzz_rules.h"
#include "gateway/rules.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr int kMaxSteps = 400;
constexpr int kMaxWakes = 20;
const Identity kIdentity{"g", "o"};

class Box {
 public:
  Box(Config config, FuzzInput& input) : config_(std::move(config)), input_(input) {}

  void Run() {
    if (!Boot(true)) return;
    for (int step = 0; step < kMaxSteps && !input_.IsEmpty(); ++step) Step();
    Commit();
  }

 private:
  bool Boot(bool windows_count, const std::vector<RuleStatus>* before = nullptr) {
    Result<std::unique_ptr<Rules>> rules = Rules::Create(config_, kIdentity);
    if (!rules) return false;
    rules_ = std::move(*rules);
    Trace("start with " + std::to_string(kept_.size()) + " records");
    std::vector<RuleRecord> records;
    for (const auto& [id, data] : kept_) records.push_back({std::get<0>(id), std::get<1>(id), std::get<2>(id), data});
    untold_.clear();
    Pass(AliveTime(1));  // So long a start takes at least.
    rules_->Start(std::move(records), now_, windows_count, untold_);
    if (before != nullptr) CheckSame(*before, rules_->Status());
    Commit();
    return true;
  }

  void CheckSame(const std::vector<RuleStatus>& before, const std::vector<RuleStatus>& after) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      Demand(before[i].pending == after[i].pending && before[i].firing == after[i].firing, "a state survives", before[i].alert);
    }
    Demand(untold_.empty(), "nothing is over because of a restart");
  }

  // What happens, with SLUICE_FUZZ_TRACE in the environment: for somebody who looks at one input.
  void Trace(const std::string& what) {
    static const bool is_wanted = std::getenv("SLUICE_FUZZ_TRACE") != nullptr;
    if (is_wanted) std::fprintf(stderr, "%lld ms: %s\n", static_cast<long long>(now_.alive.count()), what.c_str());
  }

  void Step() {
    const std::uint8_t what = input_.Byte();
    if (what < 160) return Show(what);
    if (what < 180) return Commit();
    if (what < 200) return Pass();
    if (what < 210) return Checkpoint(false);
    if (what < 220) return Wait();
    if (what < 230) return static_cast<void>(connected_ = input_.Bit());
    if (what < 245) return Restart(what);
    if (what < 250) return Change();
    static_cast<void>(rules_->Status());
  }

  void Pass() {
    static constexpr int kTimes[] = {0, 1, 10, 499, 1'000, 1'001, 5'000, 30'000, 60'000, 3'600'000};
    Pass(AliveTime(input_.OneOf(kTimes)));
  }
  void Pass(AliveTime time) {
    now_.alive += time;
    now_.elapsed += time;
    now_.wall += time;
  }

  void Show(std::uint8_t what) {
    static constexpr const char* kTopics[] = {"p/1", "p/2", "p/3", "p/1/x", "p/2/y", "q", "q/1", "q/2", "q/1/x", "p", "p/", "$sluice/x"};
    static constexpr int kTimes[] = {0, 0, 1, 100, 500, 1'000, 1'000, 5'000};
    Event event;
    event.topic = input_.TextOf(kTopics);
    event.payload = Payload();
    event.retained = what == 7;
    if (what > 150) event.format = what > 155 ? PayloadFormat::kCbor : PayloadFormat::kText;
    Pass(AliveTime(input_.OneOf(kTimes)));
    Trace("event on " + event.topic + ": " + event.payload);
    rules_->OnEvent(event, "local", now_, ++seq_, untold_);
    CheckBounds();
  }

  std::string Payload() {
    static constexpr const char* kStates[] = {"RUN", "x1", "", "y"};
    const std::uint8_t kind = input_.Byte();
    if (kind >= 250) return input_.Text();
    Json json = {{"temp", kind}};
    if (kind % 2 == 0) json["n"] = input_.Byte();
    if (kind % 3 == 0) json["state"] = input_.OneOf(kStates);
    if (kind % 5 == 0) json["f"] = input_.OneOf(kStates);
    if (kind % 7 == 0) json["m"] = {{"g", input_.OneOf(kStates)}};
    if (kind % 11 == 0) json["value"] = std::to_string(kind);
    return json.dump();
  }

  void Commit() {
    rules_->Advance(now_, {connected_}, untold_);
    Demand(rules_->NextWake() > now_.alive, "what is due is done");
    for (const AlertEvent& alert : untold_) Tell(Json::parse(alert.payload));
    untold_.clear();
    std::vector<RuleRecord> records;
    rules_->TakeRecords(records);
    Keep(records);
    kept_alive_ = now_.alive;
    kept_seq_ = seq_;
    CheckBounds();
  }

  // As the committer does it, when nothing else comes.
  void Wait() {
    for (int wake = 0; wake < kMaxWakes; ++wake) {
      Commit();
      const AliveTime next = rules_->NextWake();
      if (next == kNeverAlive) return;
      Pass(next - now_.alive);
    }
  }

  void Checkpoint(bool all) {
    std::vector<RuleRecord> records;
    rules_->Checkpoint(now_, all, 1u << input_.Byte() % 16, records);
    rules_->TakeRecords(records);
    Keep(records);
    kept_alive_ = now_.alive;
  }

  void Keep(const std::vector<RuleRecord>& records) {
    for (const RuleRecord& record : records) {
      const auto id = std::make_tuple(record.kind, record.rule, record.key);
      if (record.data.empty()) {
        kept_.erase(id);
      } else {
        kept_[id] = record.data;
      }
    }
  }

  // Of a crash only what was committed is known: also of the clock of the rules and of the seqs.
  void Restart(std::uint8_t what) {
    static constexpr int kOff[] = {0, 100, 10'000, 3'600'000};
    const bool is_stop = what % 2 == 0;
    if (is_stop) {
      Commit();
      Checkpoint(true);
    }
    const bool is_whole = seq_ == kept_seq_ && now_.alive == kept_alive_;
    const std::vector<RuleStatus> before = rules_->Status();
    now_.alive = kept_alive_;
    seq_ = kept_seq_;
    now_.elapsed += AliveTime(input_.OneOf(kOff));
    Boot(input_.Bit(), is_whole ? &before : nullptr);
  }

  // A rule that was changed is another one: what fired is over.
  void Change() {
    Commit();
    RuleConfig& rule = config_.rules[input_.Byte() % config_.rules.size()];
    const std::uint8_t what = input_.Byte() % 4;
    if (what == 0) rule.keep_firing_for += Duration(1);
    if (what == 1) rule.enabled = !rule.enabled;
    if (what == 2) rule.max_keys = 1 + input_.Byte() % 5;
    if (what == 3) rule.annotations["changed"] = "yes";
    Boot(true);
  }

  void CheckBounds() {
    std::size_t place = 0;
    for (const RuleStatus& status : rules_->Status()) {
      while (!config_.rules[place].enabled) ++place;
      Demand(status.keys <= config_.rules[place].max_keys, "there are at most max_keys keys", status.alert);
      Demand(status.pending + status.firing <= status.keys, "what has a state is a key", status.alert);
      ++place;
    }
  }

  void Tell(const Json& alert) {
    const std::string text = alert.dump(1, ' ', false, Json::error_handler_t::replace);
    Trace("told " + text);
    if (IsLabelledAsAnother(alert["labels"]["alertname"])) return;
    const std::string incident = alert["incident"];
    const bool is_firing = alert["status"] == "firing";
    Demand(ids_.insert(alert["id"]).second, "an id is one notification", text);
    if (is_firing) {
      Demand(incident == alert["id"], "an incident begins with its notification", text);
      Demand(open_.insert(incident).second, "an incident begins once", text);
    } else {
      Demand(open_.erase(incident) == 1, "what is over has begun, and ends once", text);
    }
    const bool was_firing = !firing_.insert(std::string(alert["fingerprint"])).second;
    if (!is_firing) firing_.erase(alert["fingerprint"]);
    Demand(is_firing != was_firing, "firing and resolved take turns", text);
  }

  // A label of the rule takes the place of a name of `by`, so that two keys look the same.
  bool IsLabelledAsAnother(const std::string& alert) const {
    return std::any_of(config_.rules.begin(), config_.rules.end(),
                       [&](const RuleConfig& rule) { return rule.alert == alert && rule.labels.contains("k"); });
  }

  Config config_;
  FuzzInput& input_;
  std::unique_ptr<Rules> rules_;
  std::map<std::tuple<RuleRecord::Kind, std::string, std::string>, std::string> kept_;
  std::vector<AlertEvent> untold_;
  RuleMoment now_{AliveTime(0), AliveTime(0), WallTime(std::chrono::hours(500'000))};
  AliveTime kept_alive_{0};
  Seq seq_ = 0;
  Seq kept_seq_ = 0;
  bool connected_ = true;
  std::set<std::string> ids_;
  std::set<std::string> open_;
  std::set<std::string> firing_;
};

void Fuzz(FuzzInput input) {
  Config config = FuzzRules(input).Make();
  Box(std::move(config), input).Run();
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::Fuzz({data, size});
  return 0;
}
