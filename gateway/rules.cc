#include "gateway/rules.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "gateway/rule_program.h"

namespace sluice {
namespace {

// One event in so many is timed.
constexpr std::uint64_t kCostEvery = 64;
// How long a lost connection may go unnoticed.
constexpr AliveTime kPoll{1'000};
constexpr std::size_t kFewWakes = 4'096;

constexpr auto kLater = [](const auto& a, const auto& b) { return std::tie(a.at, a.rule, a.key) > std::tie(b.at, b.rule, b.key); };

std::vector<std::size_t> SourcesOf(const Config& config, const RuleFeed& feed) {
  std::vector<std::size_t> sources;
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    const std::vector<Subscription>& subscribe = config.sources[i].subscribe;
    const bool overlaps = std::any_of(subscribe.begin(), subscribe.end(), [&](const Subscription& subscription) {
      const Result<TopicFilter> filter = TopicFilter::Parse(WithoutShare(subscription.filter));
      return filter &&
             std::any_of(feed.filters.begin(), feed.filters.end(), [&](const RuleFilter& mine) { return mine.filter.Overlaps(*filter); });
    });
    if (overlaps) sources.push_back(i);
  }
  return sources;
}

}  // namespace

Rules::Rules(ConditionEngine engine, CostClock cost_clock) : engine_(std::move(engine)), cost_clock_(cost_clock), most_wakes_(kFewWakes) {}

Result<std::unique_ptr<Rules>> Rules::Create(const Config& config, const Identity& identity, CostClock cost_clock) {
  Result<ConditionEngine> engine = ConditionEngine::Open();
  if (!engine) return tl::unexpected<Error>(engine.error());
  std::unique_ptr<Rules> rules(new Rules(std::move(*engine), cost_clock));
  const std::string id_prefix = identity.gateway_id + ":" + identity.outbox_id + ":";
  for (const RuleConfig& rule : config.rules) {
    if (!rule.enabled) continue;
    if (Result<void> added = rules->Add(config, rule, id_prefix); !added) return tl::unexpected<Error>(added.error());
  }
  return rules;
}

Result<void> Rules::Add(const Config& config, const RuleConfig& rule, const std::string& id_prefix) {
  std::vector<RuleMistake> mistakes;
  std::optional<RuleProgram> program = CompileRule(engine_, config.gateway, rule, mistakes);
  if (!program) {
    const auto mistake = std::find_if(mistakes.begin(), mistakes.end(), [](const RuleMistake& m) { return !m.is_warning; });
    return Fail(ErrorCode::kInvalid, "rule `" + rule.alert + "`: " + mistake->pointer + ": " + mistake->message);
  }
  const auto number = static_cast<std::uint32_t>(rules_.size());
  Entry entry;
  if (rule.absent_for && !rule.count_blind_time) {
    entry.sources = SourcesOf(config, program->feeds[0]);
    listens_ = true;
  }
  for (std::size_t feed = 0; feed < program->feeds.size(); ++feed) {
    for (std::size_t filter = 0; filter < program->feeds[feed].filters.size(); ++filter) {
      index_.Add(program->feeds[feed].filters[filter].filter, places_.size());
      places_.push_back({number, static_cast<std::uint16_t>(feed), static_cast<std::uint16_t>(filter)});
    }
  }
  entry.rule = std::make_unique<Rule>(std::move(*program), id_prefix, [this, number](AliveTime at, std::uint32_t key, std::uint32_t stamp) {
    Push({at, number, key, stamp});
  });
  rules_.push_back(std::move(entry));
  return {};
}

// -------------------------------------------------------------------------------------------------------------- events

void Rules::OnEvent(const Event& event, const std::string& source, const RuleMoment& at, Seq seq, std::vector<AlertEvent>& alerts) {
  if (IsOwnTopic(event.topic)) return;
  found_.clear();
  index_.Find(event.topic, found_);
  if (found_.empty()) return;
  const RuleMoment now = NotBefore(at);
  RunWakes(now.alive - AliveTime(1), alerts);
  payload_.Use(event.payload, event.format);
  // In the order of the rules; a rule sees an event once for each of its feeds, by the first filter that matches.
  std::sort(found_.begin(), found_.end());
  const RuleEvent shown{event, source, payload_, now, seq};
  const Place* last = nullptr;
  for (const std::size_t found : found_) {
    const Place& place = places_[found];
    if (last == nullptr || last->rule != place.rule || last->feed != place.feed) Show(place, shown, alerts);
    last = &place;
  }
}

void Rules::Show(const Place& place, const RuleEvent& event, std::vector<AlertEvent>& alerts) {
  Entry& entry = rules_[place.rule];
  if (event.event.retained) return entry.rule->OnRetained();
  Touch(place.rule);
  if (cost_clock_ == nullptr || ++shown_ % kCostEvery != 0) return entry.rule->OnEvent(place.feed, place.filter, event, alerts);
  const std::int64_t start = cost_clock_();
  entry.rule->OnEvent(place.feed, place.filter, event, alerts);
  entry.cost_ns += cost_clock_() - start;
  ++entry.costed;
}

// ---------------------------------------------------------------------------------------------------------------- time

RuleMoment Rules::NotBefore(const RuleMoment& at) {
  if (at.alive > now_.alive) now_ = at;
  return now_;
}

RuleMoment Rules::At(AliveTime time) const {
  return {time, time + (now_.elapsed - now_.alive), now_.wall - (now_.alive - time)};
}

Rule& Rules::Touch(std::uint32_t rule) {
  if (!std::exchange(rules_[rule].is_touched, true)) touched_.push_back(rule);
  return *rules_[rule].rule;
}

void Rules::Push(const Wake& wake) {
  wakes_.push_back(wake);
  std::push_heap(wakes_.begin(), wakes_.end(), kLater);
  if (wakes_.size() > most_wakes_) DropStaleWakes();
}

// Keys that come and go leave wishes for a time that may be far away.
void Rules::DropStaleWakes() {
  std::erase_if(wakes_, [&](const Wake& wake) { return !rules_[wake.rule].rule->IsAwaited(wake.key, wake.stamp, wake.at); });
  std::make_heap(wakes_.begin(), wakes_.end(), kLater);
  most_wakes_ = std::max(kFewWakes, 2 * wakes_.size());
}

void Rules::RunWakes(AliveTime until, std::vector<AlertEvent>& alerts) {
  while (!wakes_.empty() && wakes_.front().at <= until) {
    std::pop_heap(wakes_.begin(), wakes_.end(), kLater);
    const Wake wake = wakes_.back();
    wakes_.pop_back();
    Touch(wake.rule).OnWake(wake.key, wake.stamp, At(wake.at), alerts);
  }
}

void Rules::Advance(const RuleMoment& now, const std::vector<bool>& connected, std::vector<AlertEvent>& alerts) {
  NotBefore(now);
  for (Entry& entry : rules_) {
    if (!listens_) break;
    if (entry.sources.empty()) continue;
    const auto is_cut_off = [](const std::vector<bool>& all, std::size_t source) { return source >= all.size() || !all[source]; };
    const bool is_blind =
        std::any_of(entry.sources.begin(), entry.sources.end(), [&](std::size_t source) { return is_cut_off(connected, source); });
    const bool was_blind =
        std::any_of(entry.sources.begin(), entry.sources.end(), [&](std::size_t source) { return is_cut_off(were_connected_, source); });
    entry.rule->AddBlindTime(is_blind || was_blind ? now_.alive - polled_ : AliveTime(0), is_blind);
  }
  polled_ = now_.alive;
  were_connected_ = connected;
  RunWakes(now_.alive, alerts);
}

AliveTime Rules::NextWake() const {
  const AliveTime wake = wakes_.empty() ? kNeverAlive : wakes_.front().at;
  return listens_ ? std::min(wake, polled_ + kPoll) : wake;
}

// ------------------------------------------------------------------------------------------------------- over a restart

void Rules::Start(std::vector<RuleRecord> records, const RuleMoment& now, bool windows_count, std::vector<AlertEvent>& alerts) {
  now_ = now;
  polled_ = now.alive;
  std::map<std::string, Rule*> by_name;
  for (Entry& entry : rules_) by_name[entry.rule->program().config.alert] = entry.rule.get();
  // States first: where there is no room for all keys, those that fire have it.
  std::stable_sort(records.begin(), records.end(), [](const RuleRecord& a, const RuleRecord& b) { return a.kind < b.kind; });
  for (const RuleRecord& record : records) {
    const auto rule = by_name.find(record.rule);
    if (rule == by_name.end() || !rule->second->Restore(record, now, windows_count)) RestoreOrphan(record, now, alerts);
  }
  for (Entry& entry : rules_) entry.rule->Start(now);
}

// Of a rule that is gone or was changed.
void Rules::RestoreOrphan(const RuleRecord& record, const RuleMoment& now, std::vector<AlertEvent>& alerts) {
  orphans_.push_back({record.kind, record.rule, record.key, ""});
  if (record.kind != RuleRecord::Kind::kState) return;
  const std::optional<KeptState> kept = DecodeState(record.data);
  if (!kept || kept->phase != AlertPhase::kFiring || kept->incident.suppressed) return;
  AlertDocument document;
  document.alert = record.rule;
  document.is_firing = false;
  document.labels = kept->labels;
  document.starts = kept->incident.starts;
  document.ends = now.wall;
  document.active = kept->active;
  document.incident = kept->incident.id;
  document.id = kept->incident.id + ":changed";
  document.reason = "rule changed";
  alerts.push_back(MakeAlertEvent(document));
}

void Rules::TakeRecords(std::vector<RuleRecord>& records) {
  std::move(orphans_.begin(), orphans_.end(), std::back_inserter(records));
  orphans_.clear();
  for (const std::uint32_t rule : std::exchange(touched_, {})) {
    rules_[rule].is_touched = false;
    rules_[rule].rule->TakeRecords(records);
  }
}

// Each rule is the first in turn, so that a large one does not take all the room for ever.
void Rules::Checkpoint(const RuleMoment& now, bool all, std::size_t max_bytes, std::vector<RuleRecord>& records) {
  std::size_t room = all ? SIZE_MAX : max_bytes;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    Touch(static_cast<std::uint32_t>((checkpoint_rule_ + i) % rules_.size())).Checkpoint(now, all, room, records);
  }
  ++checkpoint_rule_;
}

std::vector<RuleStatus> Rules::Status() const {
  std::vector<RuleStatus> all;
  for (const Entry& entry : rules_) {
    const Rule& rule = *entry.rule;
    const double cost = entry.costed == 0 ? 0 : static_cast<double>(entry.cost_ns) / static_cast<double>(entry.costed) / 1'000;
    all.push_back(
        {rule.program().config.alert, rule.keys(), rule.pending(), rule.firing(), rule.counts(), rule.last_key(), rule.last_value(), cost});
  }
  return all;
}

}  // namespace sluice
