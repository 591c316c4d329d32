// Rules as somebody may write them, out of bytes: parts that are likely to be good, and now and then a text of the fuzzer's own. What
// `sluice check` would refuse before a rule is compiled does not come about.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "config/config.h"
#include "fuzz_input.h"

namespace sluice {

class FuzzRules {
 public:
  explicit FuzzRules(FuzzInput& input) : input_(input) {}

  Config Make() {
    Config config;
    config.sources.emplace_back();
    config.sources[0].name = "local";
    config.sources[0].subscribe = {{"p/#", 1}, {"q/#", 1}};
    config.gateway.id = "g";
    config.gateway.labels = {{"site", "graz"}};
    const int rules = 1 + input_.Byte() % 2;
    for (int i = 0; i < rules; ++i) config.rules.push_back(MakeRule(i == 0 ? "First" : "Second"));
    return config;
  }

 private:
  std::string Expression() {
    static constexpr const char* kExpressions[] = {"temp > 80",
                                                   "temp",
                                                   "avg(temp, 5s) > 80",
                                                   "a > 80",
                                                   "b",
                                                   "a + b",
                                                   "rate(n, 10s)",
                                                   "count(5s) > 3",
                                                   "state = 'RUN'",
                                                   "a IS NULL",
                                                   "temp > 80 AND state = 'RUN'",
                                                   "max(temp, 2s) - min(temp, 2s) > 5",
                                                   "deriv(temp, 1m) > 0.5",
                                                   "k = '1'",
                                                   "temp < 75",
                                                   "NOT a",
                                                   "coalesce(b, a, temp) > 80",
                                                   "stddev(temp * 2, 3s) > 1",
                                                   "first(temp, 1s) <> last(temp, 1s)",
                                                   "delta(n, 100ms)",
                                                   "m.g LIKE 'x%'",
                                                   "CASE WHEN a THEN b ELSE temp END",
                                                   "value > 80",
                                                   "sum(b, 1s) > 1",
                                                   "a BETWEEN b AND temp",
                                                   "count(3s) = 0",
                                                   "c || temp = '8181'"};
    return input_.TextOf(kExpressions);
  }
  Duration Time() {
    static constexpr int kTimes[] = {0, 1, 999, 1'000, 2'000, 5'000, 30'000, 61'000, 3'600'000};
    return Duration(input_.OneOf(kTimes));
  }
  std::string Text() {
    static constexpr const char* kTexts[] = {
        "critical", "{k}", "{value} since {since}", "{a} {b}", "{payload.temp}", "{topic} {source}", "{label.site} {gateway.id}", "{{}}"};
    return input_.TextOf(kTexts);
  }
  std::vector<std::string> Filters() {
    static constexpr const char* kFilters[] = {"p/{k}", "p/{k}/{l}", "p/+", "+/{k}", "p/#", "#", "{k}/{l}", "q/{k}", "q"};
    std::vector<std::string> filters = {input_.TextOf(kFilters)};
    if (input_.Byte() % 8 == 0) filters.push_back(input_.TextOf(kFilters));
    return filters;
  }

  RuleConfig MakeRule(const std::string& name) {
    RuleConfig rule;
    rule.alert = name;
    rule.match = Filters();
    AddKey(rule);
    AddInputs(rule);
    if (input_.Byte() % 4 == 0) {
      AddAbsence(rule);
    } else {
      rule.when = NotEmpty(Expression());
      rule.for_at_least = Time();
      if (input_.Bit()) rule.clear_when = NotEmpty(Expression());
    }
    rule.keep_firing_for = Time();
    AddTexts(rule);
    rule.max_keys = 1 + input_.Byte() % 5;
    rule.max_samples = 2 + input_.Byte();
    rule.min_samples = std::min<std::size_t>(input_.Byte() % 4, rule.max_samples);
    rule.max_per_minute = 1 + input_.Byte() % 40;
    return rule;
  }

  void AddKey(RuleConfig& rule) {
    static constexpr const char* kNames[] = {"k", "l", "f", "m.g", "value"};
    const std::uint8_t names = input_.Byte() % 4;
    if (names == 3) return;
    rule.by.emplace();
    for (int i = 0; i < names; ++i) {
      const std::string name = input_.TextOf(kNames);
      if (std::find(rule.by->begin(), rule.by->end(), name) == rule.by->end()) rule.by->push_back(name);
    }
  }

  void AddInputs(RuleConfig& rule) {
    for (const char* name : {"a", "b", "c", "temp"}) {
      const std::uint8_t kind = input_.Byte() % 4;
      if (kind == 0) continue;
      RuleInputConfig input;
      input.name = name;
      input.value = NotEmpty(Expression());
      if (kind == 3) {
        input.match = Filters();
        if (input_.Bit()) input.stale_after = std::max(Time(), Duration(1'000));
      }
      if (input_.Bit()) input.min_samples = 1 + input_.Byte() % 2;
      rule.inputs.push_back(std::move(input));
    }
  }

  void AddAbsence(RuleConfig& rule) {
    rule.absent_for = std::max(Time(), Duration(1'000));
    rule.count_blind_time = input_.Bit();
    // Each has to have a value for each name; those of `match` are known to the compiler only.
    if (!rule.by) return;
    for (int expected = input_.Byte() % 3; expected > 0; --expected) {
      auto& names = rule.expect.emplace_back();
      for (const std::string& name : *rule.by) names[name] = std::string(1, static_cast<char>('1' + input_.Byte() % 8));
    }
  }

  void AddTexts(RuleConfig& rule) {
    if (input_.Bit()) rule.labels["severity"] = Text();
    if (input_.Byte() % 8 == 0) rule.labels["k"] = Text();
    if (input_.Bit()) rule.annotations["summary"] = Text();
  }

  static std::string NotEmpty(std::string text) { return text.empty() ? "temp > 80" : std::move(text); }

  FuzzInput& input_;
};

}  // namespace sluice
