#include "config/build_rule.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "config/build_source.h"
#include "config/json_spot.h"
#include "gateway/suggestion.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Duration kMaxWait = hours(24 * 30);
constexpr std::size_t kMaxMinSamples = 100'000;

bool IsFirstOfWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool IsWord(std::string_view text) {
  const auto ok = [](char c) { return IsFirstOfWord(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && IsFirstOfWord(text[0]) && std::all_of(text.begin(), text.end(), ok);
}

// Empty if it is one. As Prometheus has them.
std::string WhyNoTextName(const std::string& name, bool is_label) {
  if (is_label && name == "alertname") return "the label `alertname` is the rule's `alert`: choose another name";
  return IsWord(name) ? "" : "a name has letters, digits and `_` here, and begins with no digit";
}

class RuleReading {
 public:
  RuleReading(const JsonNode& node, const std::string& pointer, Findings& findings)
      : node_(node), pointer_(pointer), findings_(findings), reader_(node, pointer, findings) {}

  RuleConfig Read(const std::vector<RuleConfig>& before) {
    if (node_.kind != JsonNode::Kind::kObject) return {};
    const std::size_t mistakes = findings_.mistakes.size();
    ReadName(before);
    ReadWhat();
    ReadCondition();
    ReadAbsence();
    ReadTexts("labels", rule_.labels);
    ReadTexts("annotations", rule_.annotations);
    ReadLimits();
    if (findings_.mistakes.size() == mistakes) CheckSampleCounts();
    if (findings_.mistakes.size() == mistakes) CheckExpected();
    return std::move(rule_);
  }

 private:
  void ReadName(const std::vector<RuleConfig>& before);
  void ReadWhat();
  void ReadKey();
  void ReadFilters(ObjectReader& reader, const std::string& path, std::vector<std::string>& filters);
  void CheckFilter(const std::string& filter, const Spot& spot);
  void ReadInput(const JsonMember& member, const std::string& pointer);
  void ReadInputObject(ObjectReader& reader, RuleInputConfig& input);
  void ReadExpression(ObjectReader& reader, const char* key, std::string& text);
  void ReadCondition();
  void ReadAbsence();
  void ReadExpected(const JsonNode& item, const std::string& pointer);
  void ReadTexts(const char* key, std::map<std::string, std::string>& texts);
  void ReadLimits();
  void CheckSampleCounts();
  void CheckExpected();
  void OnlyWith(ObjectReader& reader, const char* key, const char* other);

  template <typename Number>
  static void ReadCount(ObjectReader& reader, const char* key, std::int64_t min, std::int64_t max, Number& count) {
    auto value = static_cast<std::int64_t>(count);
    reader.Integer(key, min, max, value);
    count = static_cast<Number>(value);
  }
  static void ReadWait(ObjectReader& reader, const char* key, std::optional<Duration>& wait) {
    Duration value{0};
    reader.DurationOf(key, seconds(1), kMaxWait, value);
    if (value.count() > 0) wait = value;
  }
  void Tell(const Spot& spot, const std::string& message) { findings_.mistakes.push_back({spot.place, spot.pointer, message, {}}); }

  const JsonNode& node_;
  const std::string& pointer_;
  Findings& findings_;
  ObjectReader reader_;
  RuleConfig rule_;
};

void RuleReading::ReadName(const std::vector<RuleConfig>& before) {
  reader_.Require("alert", "the name of the alert, as in \"PressOverheating\"");
  reader_.String("alert", rule_.alert);
  const JsonMember* alert = reader_.Find("alert");
  if (alert == nullptr || alert->value.kind != JsonNode::Kind::kString) return;
  if (!IsName(rule_.alert) && !findings_.IsUnknown(rule_.alert)) {
    reader_.Complain("alert", "an alert's name has 1 to 32 letters, digits, `_` and `-`: it is a level of the topic of its events");
  }
  const bool again = std::any_of(before.begin(), before.end(), [&](const RuleConfig& other) { return other.alert == rule_.alert; });
  if (again) reader_.Complain("alert", "another alert is named `" + rule_.alert + "` too");
}

void RuleReading::ReadWhat() {
  reader_.Bool("enabled", rule_.enabled);
  reader_.Require("match", "an MQTT topic filter, or several");
  ReadFilters(reader_, "match", rule_.match);
  ReadKey();
  reader_.Each("inputs", [&](const JsonMember& member, const std::string& pointer) { ReadInput(member, pointer); });
}

void RuleReading::ReadKey() {
  if (reader_.Find("by") == nullptr) return;
  std::vector<std::string>& names = rule_.by.emplace();
  reader_.Strings("by", names);
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (*name == "alertname") reader_.Complain("by", "the label `alertname` is the rule's `alert`: `by` cannot have that name");
    if (std::find(names.begin(), name, *name) != name) reader_.Complain("by", "`" + *name + "` stands here twice");
  }
}

// `path`: that of `match` within the rule.
void RuleReading::ReadFilters(ObjectReader& reader, const std::string& path, std::vector<std::string>& filters) {
  const std::size_t mistakes = findings_.mistakes.size();
  reader.Strings("match", filters);
  if (reader.Find("match") == nullptr || findings_.mistakes.size() > mistakes) return;
  if (filters.empty()) reader.Complain("match", "one topic filter at least");
  for (std::size_t i = 0; i < filters.size(); ++i) CheckFilter(filters[i], Locate(node_, pointer_, path + "/" + std::to_string(i)));
}

void RuleReading::CheckFilter(const std::string& text, const Spot& spot) {
  if (findings_.IsUnknown(text)) return;
  const Result<TopicFilter> filter = TopicFilter::Parse(text);
  if (!filter) return Tell(spot, "`" + text + "`: " + filter.error().message);
  if (filter->Overlaps(*TopicFilter::Parse("$sluice/#"))) {
    Tell(spot, "`" + text + "`: topics below $sluice are the gateway's own, and rules do not look at its events");
  }
}

void RuleReading::ReadInput(const JsonMember& member, const std::string& pointer) {
  RuleInputConfig input{.name = member.key, .value = ""};
  if (!IsWord(member.key)) Tell({member.place, pointer}, "an input's name has letters, digits and `_`, and begins with no digit");
  if (member.value.kind == JsonNode::Kind::kString) {
    Result<std::string> value = ResolveReferences(member.value.text, findings_.mode);
    if (!value) return Tell({member.value.place, pointer}, value.error().message);
    input.value = std::move(*value);
    if (input.value.empty()) Tell({member.value.place, pointer}, "an expression is missing, as in \"avg(temp, 30s)\"");
  } else if (member.value.kind == JsonNode::Kind::kObject) {
    ObjectReader reader(member.value, pointer, findings_);
    ReadInputObject(reader, input);
  } else {
    Tell({member.value.place, pointer}, "an expression or an object `{...}` is expected here, not " + KindName(member.value.kind));
  }
  rule_.inputs.push_back(std::move(input));
}

void RuleReading::ReadInputObject(ObjectReader& reader, RuleInputConfig& input) {
  reader.Require("value", "an expression, as in \"avg(temp, 30s)\"");
  ReadExpression(reader, "value", input.value);
  ReadFilters(reader, "inputs/" + input.name + "/match", input.match);
  ReadWait(reader, "stale_after", input.stale_after);
  OnlyWith(reader, "stale_after", "match");
  ReadCount(reader, "min_samples", 1, kMaxMinSamples, input.min_samples);
}

void RuleReading::ReadExpression(ObjectReader& reader, const char* key, std::string& text) {
  if (reader.Find(key) == nullptr) return;
  const std::size_t mistakes = findings_.mistakes.size();
  reader.String(key, text);
  if (findings_.mistakes.size() == mistakes && text.empty()) reader.Complain(key, "an expression is missing, as in \"temp > 80\"");
}

void RuleReading::OnlyWith(ObjectReader& reader, const char* key, const char* other) {
  if (reader.Find(key) == nullptr || reader.Find(other) != nullptr) return;
  reader.Complain(key, "`" + std::string(key) + "` has a meaning only with `" + other + "`");
}

void RuleReading::ReadCondition() {
  ReadExpression(reader_, "when", rule_.when);
  ReadExpression(reader_, "clear_when", rule_.clear_when);
  reader_.DurationOf("for", Duration(0), kMaxWait, rule_.for_at_least);
  reader_.DurationOf("keep_firing_for", Duration(0), kMaxWait, rule_.keep_firing_for);
  OnlyWith(reader_, "clear_when", "when");
}

void RuleReading::ReadAbsence() {
  ReadWait(reader_, "absent_for", rule_.absent_for);
  reader_.Items("expect", [&](const JsonNode& item, const std::string& pointer) { ReadExpected(item, pointer); });
  reader_.Bool("count_blind_time", rule_.count_blind_time);
  OnlyWith(reader_, "expect", "absent_for");
  OnlyWith(reader_, "count_blind_time", "absent_for");
  const bool has_when = reader_.Find("when") != nullptr;
  const bool has_absence = reader_.Find("absent_for") != nullptr;
  if (has_when && has_absence) reader_.Complain("absent_for", "a rule has `when` or `absent_for`, not both: make it two rules");
  if (!has_when && !has_absence) reader_.Complain("", "a rule needs `when`, a condition, or `absent_for`, a duration");
  if (has_absence && reader_.Find("for") != nullptr) reader_.Complain("for", "`absent_for` is the time already: leave out `for`");
}

void RuleReading::ReadExpected(const JsonNode& item, const std::string& pointer) {
  ObjectReader reader(item, pointer, findings_);
  std::map<std::string, std::string>& values = rule_.expect.emplace_back();
  for (const JsonMember& member : item.members) reader.String(member.key, values[member.key]);
}

void RuleReading::ReadTexts(const char* key, std::map<std::string, std::string>& texts) {
  reader_.StringsByName(key, texts);
  const JsonMember* all = reader_.Find(key);
  if (all == nullptr) return;
  for (const JsonMember& member : all->value.members) {
    const std::string why = WhyNoTextName(member.key, std::string_view(key) == "labels");
    if (!why.empty()) Tell({member.place, reader_.PointerOf(key) + "/" + PointerToken(member.key)}, why);
  }
}

void RuleReading::ReadLimits() {
  ReadCount(reader_, "min_samples", 1, kMaxMinSamples, rule_.min_samples);
  ReadCount(reader_, "max_keys", 1, 1'000'000, rule_.max_keys);
  ReadCount(reader_, "max_samples", 2, 1'000'000, rule_.max_samples);
  ReadCount(reader_, "max_per_minute", 1, 100'000, rule_.max_per_minute);
}

void RuleReading::CheckSampleCounts() {
  const std::string why = "more than `max_samples`, " + std::to_string(rule_.max_samples) + ": a window would never have so many";
  if (rule_.min_samples > rule_.max_samples) reader_.Complain("min_samples", why);
  for (const RuleInputConfig& input : rule_.inputs) {
    if (input.min_samples > rule_.max_samples) Tell(Locate(node_, pointer_, "inputs/" + input.name + "/min_samples"), why);
  }
}

// What tells the states of the rule apart.
std::vector<std::string> KeyNames(const RuleConfig& rule) {
  if (rule.by) return *rule.by;
  std::vector<std::string> names;
  for (const std::string& text : rule.match) {
    const Result<TopicFilter> filter = TopicFilter::Parse(text);
    for (const std::string& name : filter->names()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

void RuleReading::CheckExpected() {
  const std::vector<std::string>& texts = rule_.by ? *rule_.by : rule_.match;
  if (std::any_of(texts.begin(), texts.end(), [&](const std::string& text) { return findings_.IsUnknown(text); })) return;
  const std::vector<std::string> names = KeyNames(rule_);
  reader_.Items("expect", [&](const JsonNode& item, const std::string& pointer) {
    for (const JsonMember& member : item.members) {
      if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
      Tell({member.place, pointer + "/" + PointerToken(member.key)},
           "`" + member.key + "` is none of the names of `by`." + Suggestion(member.key, names));
    }
    for (const std::string& name : names) {
      if (item.Find(name) == nullptr) Tell({item.place, pointer}, "the value of `" + name + "` is missing: one for each name of `by`");
    }
  });
}

}  // namespace

RuleConfig BuildRule(const JsonNode& node, const std::string& pointer, const std::vector<RuleConfig>& before, Findings& findings) {
  return RuleReading(node, pointer, findings).Read(before);
}

}  // namespace sluice
