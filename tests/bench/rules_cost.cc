// rules_cost cost EVENTS PAIRS: what rules cost an event, on events as bench_load sends them, besides all else that the daemon does with
// it. For each set of rules the median of PAIRS runs of EVENTS events, each next to a run without rules, which is taken off.
// rules_cost memory KEYS: what KEYS keys take that are inactive, that wait for their `for`, and that have a window.
// rules_cost window: what one value of a window costs, by the number of its samples.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/rules.h"

namespace sluice {
namespace {

constexpr std::uint64_t kTopics = 50;
const std::string kSource = "local";

double CpuNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

Event EventOf(std::uint64_t number) {
  Event event;
  event.topic = "plant/line-" + std::to_string(number % kTopics) + "/telemetry";
  event.payload = "{\"n\":" + std::to_string(number) + ",\"temp\":" + std::to_string(20 + number % 60) +
                  ".5,\"state\":\"RUN\",\"raw\":\"8461930275648193027564819302756481930275648193027564819302756481930275\"}";
  return event;
}

RuleConfig Matching(std::size_t number) {
  RuleConfig rule;
  rule.alert = "Hot" + std::to_string(number);
  rule.match = {"plant/{line}/telemetry"};
  rule.inputs = {{"t_avg", "avg(temp, 30s)"}};
  rule.when = "t_avg > 80 AND state = 'RUN'";
  rule.for_at_least = std::chrono::seconds(30);
  return rule;
}

RuleConfig Elsewhere(std::size_t number) {
  RuleConfig rule = Matching(number);
  rule.alert = "Elsewhere" + std::to_string(number);
  rule.match = {"plant/hall-" + std::to_string(number) + "/{line}/telemetry"};
  return rule;
}

Config ConfigOf(std::size_t matching, std::size_t elsewhere) {
  Config config;
  for (std::size_t i = 0; i < matching; ++i) config.rules.push_back(Matching(i));
  for (std::size_t i = 0; i < elsewhere; ++i) config.rules.push_back(Elsewhere(i));
  return config;
}

// CPU nanoseconds an event, at 1,000 events/s on the clock of the rules: 600 samples in each key's window.
double Run(const Config& config, const std::vector<Event>& events, std::uint64_t count) {
  const std::unique_ptr<Rules> rules = std::move(*Rules::Create(config, {"gw", "box"}));
  std::vector<AlertEvent> alerts;
  rules->Start({}, {}, true, alerts);
  const auto pass = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i < to; ++i) {
      const AliveTime now(static_cast<std::int64_t>(i));
      rules->OnEvent(events[i % events.size()], kSource, {now, now, {}}, i + 1, alerts);
    }
  };
  pass(0, count / 4);
  const double start = CpuNanoseconds();
  pass(count / 4, count + count / 4);
  return (CpuNanoseconds() - start) / static_cast<double>(count);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void MeasureCost(std::uint64_t count, std::size_t pairs) {
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < 3'000; ++i) events.push_back(EventOf(i));
  const std::pair<std::size_t, std::size_t> sets[] = {{1, 0}, {10, 0}, {100, 0}, {0, 1'000}, {1, 1'000}};
  for (const auto& [matching, elsewhere] : sets) {
    std::vector<double> costs;
    const std::uint64_t times = std::max<std::uint64_t>(10'000, count / std::max<std::size_t>(1, matching));
    for (std::size_t i = 0; i < pairs; ++i) {
      const double without = Run({}, events, times);
      costs.push_back(Run(ConfigOf(matching, elsewhere), events, times) - without);
    }
    std::printf("%4zu matching, %4zu others: %8.3f us an event\n", matching, elsewhere, Median(costs) / 1'000);
  }
}

double ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long total = 0;
  long resident = 0;
  if (file == nullptr || std::fscanf(file, "%ld %ld", &total, &resident) != 2) std::exit(1);
  std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void MeasureMemory(std::size_t keys, bool waits, bool with_window) {
  RuleConfig rule = Matching(0);
  rule.match = {"plant/{line}/{press}/telemetry"};
  rule.max_keys = keys;
  if (!with_window) {
    rule.inputs.clear();
    rule.when = waits ? "temp > 1 AND state = 'RUN'" : "temp > 1000 AND state = 'RUN'";
  }
  Config config;
  config.rules = {rule};
  malloc_trim(0);
  const double before = ResidentBytes();
  const std::unique_ptr<Rules> rules = std::move(*Rules::Create(config, {"gw", "box"}));
  std::vector<AlertEvent> alerts;
  std::vector<RuleRecord> records;
  rules->Start({}, {}, true, alerts);
  Event event = EventOf(70);
  for (std::size_t i = 0; i < keys; ++i) {
    event.topic = "plant/line-" + std::to_string(i % 100) + "/press-" + std::to_string(i / 100) + "/telemetry";
    const AliveTime now(static_cast<std::int64_t>(i / 10));
    rules->OnEvent(event, kSource, {now, now, {}}, i + 1, alerts);
    if (i % 500 == 0) rules->TakeRecords(records), records.clear();
  }
  rules->TakeRecords(records), records.clear(), records.shrink_to_fit();
  malloc_trim(0);
  const RuleStatus status = rules->Status()[0];
  std::printf("%zu keys, %zu pending, %s: %.0f bytes a key\n", status.keys, status.pending,
              with_window ? "one window of one sample" : "no window", (ResidentBytes() - before) / static_cast<double>(keys));
}

void MeasureWindow() {
  for (const std::size_t samples : {30u, 1'000u, 10'000u}) {
    for (const WindowFunction function : {WindowFunction::kAvg, WindowFunction::kRate, WindowFunction::kDeriv}) {
      SampleWindow window(RunningTime(static_cast<std::int64_t>(samples)), 20'000);
      double sum = 0;
      constexpr std::int64_t kTimes = 100'000;
      double start = 0;
      for (std::int64_t i = 0; i < kTimes + 20'000; ++i) {
        if (i == 20'000) start = CpuNanoseconds();
        window.Add(RunningTime(i), static_cast<double>(i % 60));
        sum += window.Value(function, RunningTime(i), 1).value_or(0);
      }
      std::printf("%6zu samples, function %d: %7.0f ns%s\n", samples, static_cast<int>(function), (CpuNanoseconds() - start) / kTimes,
                  sum == 1 ? "!" : "");
    }
  }
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "cost") == 0) {
    sluice::MeasureCost(std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10));
  } else if (argc == 3 && std::strcmp(argv[1], "memory") == 0) {
    const std::size_t keys = std::strtoull(argv[2], nullptr, 10);
    sluice::MeasureMemory(keys, false, false);
    sluice::MeasureMemory(keys, true, false);
    sluice::MeasureMemory(keys, false, true);
  } else if (argc == 2 && std::strcmp(argv[1], "window") == 0) {
    sluice::MeasureWindow();
  } else {
    return 2;
  }
}
