// What is kept of rules over a restart, as a damaged or foreign file may have it: read as each of its forms, and given to rules that start
// with it and then live on.
#include <cmath>
#include <memory>
#include <vector>

#include "fuzz_input.h"
#include "gateway/binary_number.h"
#include "gateway/rule_memory.h"
#include "gateway/rule_program.h"
#include "gateway/rules.h"

namespace sluice {
namespace {

constexpr int kMaxRecords = 20;
constexpr int kMaxWakes = 30;

Config MakeConfig() {
  Config config;
  config.sources.emplace_back();
  config.sources[0].subscribe = {{"#", 1}};
  RuleConfig hot;
  hot.alert = "Hot";
  hot.match = {"p/{k}"};
  hot.inputs = {{.name = "a", .value = "avg(temp, 5s)"},
                {.name = "b", .value = "max(t, 2m)", .match = {"q/{k}"}, .stale_after = Duration(9'000)}};
  hot.when = "a > 80 OR b > 80 OR state = 'RUN'";
  hot.clear_when = "a < 70";
  hot.for_at_least = hot.keep_firing_for = Duration(3'000);
  hot.annotations = {{"summary", "{value} {since} {payload.state} {a} {b}"}};
  hot.max_keys = 3;
  hot.max_samples = 50;
  RuleConfig silent;
  silent.alert = "Silent";
  silent.match = {"p/{k}"};
  silent.absent_for = Duration(5'000);
  silent.keep_firing_for = Duration(2'000);
  silent.expect = {{{"k", "1"}}};
  silent.max_keys = 3;
  config.rules = {hot, silent};
  return config;
}

std::uint64_t HashOf(const Config& config, const RuleConfig& rule) {
  ConditionEngine engine = std::move(*ConditionEngine::Open());
  std::vector<RuleMistake> mistakes;
  return CompileRule(engine, config.gateway, rule, mistakes)->hash;
}

void Decode(std::string_view data) {
  if (const std::optional<KeptState> state = DecodeState(data)) {
    const std::string again = EncodeState(*state);
    const std::optional<KeptState> same = DecodeState(again);
    Demand(same && EncodeState(*same) == again, "a state that was read is written and read again");
  }
  std::vector<SampleWindow> windows = {{Duration(5'000), 3}, {Duration(1), 2}};
  std::string_view rest = data;
  if (windows[0].Decode(rest)) {
    Demand(windows[0].size() <= 3, "a window keeps to its size");
    std::string again;
    windows[0].Encode(again);
    std::string_view in = again;
    Demand(windows[1].Decode(in) == false, "a window is not one of another length");
    Demand(windows[0].Decode(in), "a window that was read is written and read again");
    const RunningTime now = windows[0].Latest().value_or(RunningTime(0));
    for (const auto function :
         {WindowFunction::kAvg, WindowFunction::kRate, WindowFunction::kDelta, WindowFunction::kDeriv, WindowFunction::kStddev}) {
      const std::optional<double> value = windows[0].Value(function, now, 1);
      Demand(!value || std::isfinite(*value), "a value is finite");
    }
  } else {
    Demand(windows[0].size() == 0 && !windows[0].Latest(), "a window that cannot be read is empty");
  }
  static_cast<void>(DecodeMemory(data, 0, windows));
  std::vector<FieldValue> values(3);
  UnpackValues(data, values);
}

RuleRecord RecordFrom(FuzzInput& input, const Config& config, const std::uint64_t (&hashes)[2]) {
  static constexpr const char* kKeys[] = {"01", "02", "03", "04", "11", "12", "", "0", "21", "0x"};
  RuleRecord record;
  const std::uint8_t what = input.Byte();
  record.kind = (what & 1) != 0 ? RuleRecord::Kind::kState : RuleRecord::Kind::kMemory;
  const std::size_t rule = (what >> 1) & 1;
  record.rule = what >= 240 ? "Gone" : config.rules[rule].alert;
  record.key = input.TextOf(kKeys);
  if (what % 16 != 0) {
    record.data += '\1';
    AppendVarint(record.data, hashes[rule]);
  }
  record.data += input.Bytes(input.Byte());
  return record;
}

void Live(Rules& rules, RuleMoment& now, FuzzInput& input, std::vector<AlertEvent>& alerts) {
  for (int wake = 0; wake < kMaxWakes; ++wake) {
    if (input.Bit()) {
      Event event;
      event.topic = input.Bit() ? "p/1" : "q/2";
      event.payload = input.Bit() ? R"({"temp": 90, "t": 90, "state": "RUN"})" : R"({"temp": 60, "t": 1})";
      rules.OnEvent(event, "local", now, static_cast<Seq>(wake) + 1, alerts);
    }
    rules.Advance(now, {true}, alerts);
    Demand(rules.NextWake() > now.alive, "what is due is done");
    const AliveTime time = std::min(rules.NextWake() - now.alive, AliveTime(10'000));
    now.alive += time;
    now.elapsed += time;
    now.wall += time;
  }
}

void Fuzz(FuzzInput input) {
  static const Config config = MakeConfig();
  static const std::uint64_t hashes[] = {HashOf(config, config.rules[0]), HashOf(config, config.rules[1])};
  if (input.Bit()) return Decode(input.Rest());
  std::vector<RuleRecord> records;
  for (int left = input.Byte() % kMaxRecords; left > 0; --left) records.push_back(RecordFrom(input, config, hashes));
  RuleMoment now{AliveTime(1'000'000), AliveTime(2'000'000), WallTime(std::chrono::hours(500'000))};
  for (int life = 0; life < 2; ++life) {
    std::vector<AlertEvent> alerts;
    const std::unique_ptr<Rules> rules = std::move(*Rules::Create(config, {"g", "o"}));
    rules->Start(std::exchange(records, {}), now, input.Bit(), alerts);
    Live(*rules, now, input, alerts);
    for (const RuleStatus& status : rules->Status()) Demand(status.keys <= 3, "there are at most max_keys keys");
    rules->Checkpoint(now, true, 1 << 10, records);
    rules->TakeRecords(records);
    std::erase_if(records, [](const RuleRecord& record) { return record.data.empty(); });
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::Fuzz({data, size});
  return 0;
}
