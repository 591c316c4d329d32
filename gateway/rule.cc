#include "gateway/rule.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

// While nothing but time passes a condition is looked at no more often than this.
constexpr AliveTime kLookAgain{1'000};
// A window that is filled again so soon is not worth writing to flash over and over.
constexpr Duration kShortWindow = std::chrono::seconds(60);
// The first byte of a record's key says whose it is.
constexpr char kFirstFeed = '0';

}  // namespace

Rule::Rule(RuleProgram program, const std::string& id_prefix, Wake wake)
    : program_(std::move(program)),
      wake_(std::move(wake)),
      reading_(program_, [this](std::size_t feed, const RuleMoment& now) { return OtherValue(feed, now); }),
      writer_(program_, reading_, id_prefix),
      keys_(program_.config.max_keys) {
  for (std::size_t i = 0; i < program_.feeds.size(); ++i) others_.emplace_back(program_.config.max_keys);
  checkpoint_places_.resize(program_.feeds.size());
}

// -------------------------------------------------------------------------------------------------------------- events

void Rule::OnEvent(std::size_t feed, std::size_t filter, const RuleEvent& event, std::vector<AlertEvent>& alerts) {
  ++counts_.events;
  const bool has_key = reading_.Read(feed, filter, event);
  if (event.payload.IsUndecodable()) {
    ++counts_.undecodable;
  } else if (!has_key || reading_.IsLacking()) {
    ++counts_.missing;
  }
  if (!has_key) return;
  if (feed > 0) return OnOther(feed, event, alerts);
  Number number = keys_.Find(reading_.key());
  if (number == keys_.kNone) {
    const bool displaces = keys_.IsFull();
    number = Admit(reading_.key(), event.moment, alerts);
    if (displaces) reading_.Read(feed, filter, event);
  }
  OnOwn(number, event, alerts);
}

Rule::Number Rule::Admit(std::string_view key, const RuleMoment& now, std::vector<AlertEvent>& alerts) {
  const std::string own(key);  // Forgetting reads another one.
  if (keys_.IsFull()) Forget(keys_.Oldest(), now, alerts);
  return Insert(own, now);
}

Rule::Number Rule::Insert(std::string_view key, const RuleMoment& now) {
  const Number number = keys_.Insert(key);
  keys_[number].stamp = ++last_stamp_;
  keys_[number].heard = Heard(now);
  if (!program_.feeds[0].windows.empty()) keys_[number].windows = NewWindows(program_.feeds[0]);
  return number;
}

void Rule::OnOwn(Number number, const RuleEvent& event, std::vector<AlertEvent>& alerts) {
  Key& key = keys_[number];
  key.heard = Heard(event.moment);
  key.is_memory_due = true;
  if (key.windows) FeedWindows(program_.feeds[0], *key.windows, event.moment);
  Look(number, event.moment, {.seq = event.seq}, alerts);
  keys_.Touch(number, keys_[number].state.phase() == AlertPhase::kFiring || keys_[number].is_expected);
}

// Its latest value is kept; if its events have all of the key, and the condition does not look at events of the rule's own, it is a reason
// to look at it.
void Rule::OnOther(std::size_t feed, const RuleEvent& event, std::vector<AlertEvent>& alerts) {
  RecentKeys<Other>& others = others_[feed];
  RuleFeed& of = program_.feeds[feed];
  Number place = others.Find(reading_.key());
  if (place == others.kNone) {
    if (others.IsFull()) {
      gone_.push_back(RecordOf(RuleRecord::Kind::kMemory, feed, others.KeyOf(others.Oldest()), ""));
      others.Erase(others.Oldest());
      ++counts_.forgotten;
    }
    place = others.Insert(reading_.key());
  }
  Other& other = others[place];
  others.Touch(place, false);
  if (!of.windows.empty() && !other.windows) other.windows = NewWindows(of);
  if (other.windows) FeedWindows(of, *other.windows, event.moment);
  reading_.Compute(*of.value, other.windows.get(), event.moment, other.value);
  other.at = event.moment.elapsed;
  other.is_memory_due = true;
  if (of.by.size() < program_.by.size() || program_.is_event_bound) return;
  const Number number = keys_.Find(reading_.key());
  if (number == keys_.kNone) return;
  reading_.Use(keys_.KeyOf(number), keys_[number].active ? keys_[number].active->values : "");
  Look(number, event.moment, {.seq = event.seq}, alerts);
}

void Rule::FeedWindows(RuleFeed& feed, Windows& windows, const RuleMoment& now) {
  FieldValue computed;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    RuleWindow& window = feed.windows[i];
    if (window.of) reading_.Compute(*window.of, nullptr, now, computed);
    const FieldValue& value = window.of ? computed : reading_.values()[*window.variable];
    const std::optional<double> number = NumberOf(value);
    if (number) {
      windows[i].Add(now.elapsed, *number);
    } else {
      windows[i].Advance(now.elapsed);
      if (value.kind == FieldValue::Kind::kText) ++counts_.type_errors;
    }
  }
}

std::unique_ptr<Rule::Windows> Rule::NewWindows(const RuleFeed& feed) const {
  auto windows = std::make_unique<Windows>();
  windows->reserve(feed.windows.size());
  for (const RuleWindow& window : feed.windows) windows->emplace_back(window.duration, program_.config.max_samples);
  return windows;
}

// -------------------------------------------------------------------------------------------------------- other sensors

const Rule::Other* Rule::FindOther(std::size_t feed) {
  const Number place = others_[feed].Find(reading_.KeyFor(feed));
  return place == others_[feed].kNone ? nullptr : &others_[feed][place];
}

const FieldValue* Rule::OtherValue(std::size_t feed, const RuleMoment& now) {
  const Other* other = FindOther(feed);
  if (other == nullptr) return nullptr;
  const std::optional<Duration>& stale_after = program_.feeds[feed].stale_after;
  return stale_after && now.elapsed - other->at >= *stale_after ? nullptr : &other->value;
}

// ---------------------------------------------------------------------------------------------------------- conditions

// REQUIRES: the key is read.
void Rule::Look(Number number, const RuleMoment& now, const AlertCause& cause, std::vector<AlertEvent>& alerts) {
  Key& key = keys_[number];
  ++counts_.evaluations;
  if (key.windows) {
    for (SampleWindow& window : *key.windows) window.Advance(now.elapsed);
  }
  const AlertPhase before = key.state.phase();
  Truth truth = Truth::kFalse;
  if (program_.when) truth = reading_.IsTrue(*program_.when, key.windows.get(), now);
  NoteLast(number, now);
  const bool is_held = IsHeld(key, truth, now);
  if (key.active) {
    key.active->looked = now.alive;
    key.active->is_held = is_held;
  }
  if (is_held) {
    KeepValues(key);
    return Schedule(number, now);
  }
  if (truth != Truth::kUnknown) key.is_restored = false;
  bool is_true = program_.when ? truth == Truth::kTrue : IsSilent(key, now);
  if (!is_true && before == AlertPhase::kFiring && program_.clear_when) {
    is_true = reading_.IsTrue(*program_.clear_when, key.windows.get(), now) != Truth::kTrue;
  }
  const bool was_over = key.state.over_since().has_value();
  const AlertChange change = key.state.Observe(is_true, now.alive, program_.times);
  if (was_over != key.state.over_since().has_value()) MarkState(number);
  KeepValues(key);
  Conclude(number, before, change, now, cause, alerts);
}

void Rule::KeepValues(Key& key) {
  if (!program_.keeps_values || key.state.phase() == AlertPhase::kInactive) return;
  if (!key.active) key.active = std::make_unique<Active>();
  key.active->values = PackValues(reading_.values());
}

void Rule::NoteLast(Number number, const RuleMoment& now) {
  if (!program_.when || !program_.value) return;
  last_key_ = keys_.KeyOf(number);
  if (program_.value_slot) {
    last_value_ = reading_.slot(*program_.value_slot);
  } else {
    reading_.Compute(*program_.value, keys_[number].windows.get(), now, last_value_);
  }
}

// An alert must not be over because a restart took what its conditions knew; one that was over before it still is.
bool Rule::IsHeld(const Key& key, Truth truth, const RuleMoment& now) {
  const bool may_be = truth == Truth::kUnknown && key.is_restored && key.state.phase() != AlertPhase::kInactive && !key.state.over_since();
  return may_be && now.alive < HeldUntil(key, now);
}

// What began anew is waited for: a window until it is covered, another sensor until it is heard. What a stop has kept is not.
AliveTime Rule::HeldUntil(const Key& key, const RuleMoment& now) {
  AliveTime until{0};
  const auto wait_for = [&](const std::unique_ptr<Windows>& windows) {
    if (!windows) return;
    for (const SampleWindow& window : *windows) {
      const std::optional<RunningTime> covered = window.CoveredAt();
      until = std::max(until, covered ? *covered - (now.elapsed - now.alive) : windows_until_);
    }
  };
  wait_for(key.windows);
  for (std::size_t feed = 1; feed < program_.feeds.size(); ++feed) {
    const Other* other = FindOther(feed);
    if (other == nullptr) until = std::max(until, others_until_);
    if (other != nullptr) wait_for(other->windows);
  }
  return until;
}

bool Rule::IsSilent(const Key& key, const RuleMoment& now) const {
  return Heard(now) - key.heard >= *program_.config.absent_for;
}

void Rule::Conclude(Number number, AlertPhase before, AlertChange change, const RuleMoment& now, const AlertCause& cause,
                    std::vector<AlertEvent>& alerts) {
  Key& key = keys_[number];
  const AlertPhase after = key.state.phase();
  if (before == AlertPhase::kInactive && after != AlertPhase::kInactive) {
    if (!key.active) key.active = std::make_unique<Active>();
    key.active->looked = now.alive;
    key.active->since = program_.when ? now.wall : now.wall - (Heard(now) - key.heard);
  }
  if (change == AlertChange::kFired) {
    ++counts_.fired;
    key.active->incident = std::make_unique<Incident>();
    writer_.Fire(key.windows.get(), now, key.active->since, cause, *key.active->incident, alerts);
  } else if (change == AlertChange::kResolved) {
    ++counts_.resolved;
    writer_.Resolve(key.windows.get(), now, key.active->since, cause, "", *key.active->incident, alerts);
  }
  if (after == AlertPhase::kInactive) key.active.reset();
  if (after != before) {
    keys_.Touch(number, after == AlertPhase::kFiring || key.is_expected);
    Count(before, false);
    Count(after, true);
    MarkState(number);
  }
  Schedule(number, now);
}

void Rule::Count(AlertPhase phase, bool more) {
  if (phase == AlertPhase::kPending) pending_ += more ? 1 : -1;
  if (phase == AlertPhase::kFiring) firing_ += more ? 1 : -1;
}

// ---------------------------------------------------------------------------------------------------------------- time

void Rule::OnWake(Number number, std::uint32_t stamp, const RuleMoment& now, std::vector<AlertEvent>& alerts) {
  if (!keys_.IsThere(number) || keys_[number].stamp != stamp || keys_[number].wake > now.alive) return;
  Key& key = keys_[number];
  key.wake = kNeverAlive;
  reading_.Use(keys_.KeyOf(number), key.active ? key.active->values : "");
  if (NextLook(key, now) > now.alive) return Schedule(number, now);
  const AlertCause cause{.at = now.alive};
  if (program_.is_time_bound || !program_.when) return Look(number, now, cause, alerts);
  const AlertPhase before = key.state.phase();
  Conclude(number, before, key.state.Advance(now.alive, program_.times), now, cause, alerts);
}

void Rule::Schedule(Number number, const RuleMoment& now) {
  Key& key = keys_[number];
  // What fell due while the daemon was off does so now.
  const AliveTime next = std::max(NextLook(key, now), now.alive);
  if (next >= key.wake) return;  // The wish that stands comes first.
  key.wake = next;
  wake_(next, number, key.stamp);
}

AliveTime Rule::NextLook(const Key& key, const RuleMoment& now) {
  AliveTime next = key.state.Deadline(program_.times);
  if (key.active && key.active->is_held) next = kNeverAlive;
  if (!program_.when && (key.state.phase() == AlertPhase::kInactive || key.state.over_since())) {
    const AliveTime silent = key.heard + *program_.config.absent_for + (now.alive - Heard(now));
    next = std::min(next, is_blind_ ? std::max(silent, now.alive + kLookAgain) : silent);
  }
  if (program_.is_time_bound && key.state.phase() != AlertPhase::kInactive) next = std::min(next, NextChange(key, now));
  return next;
}

// When a window loses its oldest sample, a value of another sensor grows old, or a key is held no longer, since it was looked at.
AliveTime Rule::NextChange(const Key& key, const RuleMoment& now) {
  AliveTime next = kNeverAlive;
  const AliveTime looked = key.active->looked;
  const auto note = [&](AliveTime change) {
    if (change > looked) next = std::min(next, change);
  };
  const AliveTime off = now.elapsed - now.alive;
  if (key.windows) {
    for (const SampleWindow& window : *key.windows) {
      const std::optional<RunningTime> change = window.NextChange();
      if (change) note(*change - off);
    }
  }
  for (std::size_t feed = 1; feed < program_.feeds.size(); ++feed) {
    const std::optional<Duration>& stale_after = program_.feeds[feed].stale_after;
    const Other* other = stale_after ? FindOther(feed) : nullptr;
    if (other != nullptr) note(other->at + *stale_after - off);
  }
  if (key.is_restored) note(HeldUntil(key, now));
  return next == kNeverAlive ? next : std::max(next, looked + kLookAgain);
}

void Rule::AddBlindTime(AliveTime time, bool is_blind) {
  blind_ += time;
  is_blind_ = is_blind;
}

void Rule::Forget(Number number, const RuleMoment& now, std::vector<AlertEvent>& alerts) {
  Key& key = keys_[number];
  const std::string name = keys_.KeyOf(number);
  ++counts_.forgotten;
  if (key.windows) {
    for (const SampleWindow& window : *key.windows) counts_.overflows += window.overflows();
  }
  if (key.state.phase() == AlertPhase::kFiring) {
    reading_.Use(name, key.active->values);
    ++counts_.resolved;
    writer_.Resolve(key.windows.get(), now, key.active->since, {.at = now.alive}, "forgotten", *key.active->incident, alerts);
  }
  Count(key.state.phase(), false);
  if (key.is_state_kept) gone_.push_back(RecordOf(RuleRecord::Kind::kState, 0, name, ""));
  if (key.is_memory_kept) gone_.push_back(RecordOf(RuleRecord::Kind::kMemory, 0, name, ""));
  keys_.Erase(number);
}

RuleCounts Rule::counts() const {
  RuleCounts counts = counts_;
  counts.suppressed = writer_.suppressed();
  const auto add = [&](const std::optional<RuleExpression>& expression) {
    if (expression) counts.type_errors += expression->condition.type_errors();
  };
  add(program_.when);
  add(program_.clear_when);
  for (const RuleFeed& feed : program_.feeds) {
    add(feed.value);
    for (const RuleWindow& window : feed.windows) add(window.of);
  }
  for (Number number = 0; number < keys_.end(); ++number) {
    if (!keys_.IsThere(number) || !keys_[number].windows) continue;
    for (const SampleWindow& window : *keys_[number].windows) counts.overflows += window.overflows();
  }
  return counts;
}

std::string Rule::last_key() const {
  std::string text = last_key_;
  std::replace(text.begin(), text.end(), '\0', '/');
  return text;
}

// ------------------------------------------------------------------------------------------------------- over a restart

RuleRecord Rule::RecordOf(RuleRecord::Kind kind, std::size_t feed, const std::string& key, std::string data) const {
  return {kind, program_.config.alert, static_cast<char>(kFirstFeed + feed) + key, std::move(data)};
}

void Rule::MarkState(Number number) {
  if (!std::exchange(keys_[number].is_state_due, true)) due_states_.push_back(number);
}

void Rule::TakeRecords(std::vector<RuleRecord>& records) {
  std::move(gone_.begin(), gone_.end(), std::back_inserter(records));
  gone_.clear();
  for (const Number number : std::exchange(due_states_, {})) {
    if (!keys_.IsThere(number) || !std::exchange(keys_[number].is_state_due, false)) continue;
    Key& key = keys_[number];
    const bool keeps = key.state.phase() != AlertPhase::kInactive;
    if (!keeps && !key.is_state_kept) continue;
    key.is_state_kept = keeps;
    reading_.Use(keys_.KeyOf(number), "");
    records.push_back(RecordOf(RuleRecord::Kind::kState, 0, keys_.KeyOf(number), keeps ? StateOf(key) : ""));
  }
}

// REQUIRES: the key is read.
std::string Rule::StateOf(const Key& key) {
  const bool is_firing = key.state.phase() == AlertPhase::kFiring;
  return EncodeState({program_.hash, key.state.phase(), key.state.since(), key.state.over_since(), key.active->since, key.active->values,
                      is_firing ? *key.active->incident : Incident(), is_firing ? writer_.Labels() : NamedTexts()});
}

bool Rule::IsWorthKeeping(std::size_t feed, bool all) const {
  const std::vector<RuleWindow>& windows = program_.feeds[feed].windows;
  // Other sensors are a reason to look at a key only if it is known.
  const bool keeps_keys = all && others_.size() > 1 && !program_.is_event_bound;
  const bool keeps_more = feed > 0 ? windows.empty() : !program_.when || keeps_keys;
  return keeps_more ||
         std::any_of(windows.begin(), windows.end(), [&](const RuleWindow& window) { return all || window.duration > kShortWindow; });
}

void Rule::Checkpoint(const RuleMoment& now, bool all, std::size_t& room, std::vector<RuleRecord>& records) {
  for (Number number = 0; number < keys_.end() && all && program_.keeps_values; ++number) {
    // What the last event said has changed since the state did.
    if (keys_.IsThere(number) && keys_[number].active) MarkState(number);
  }
  for (std::size_t feed = 1; feed < others_.size(); ++feed) {
    if (IsWorthKeeping(feed, all)) CheckpointKeys(feed, others_[feed], room, records);
  }
  const bool is_whole = !IsWorthKeeping(0, all) || CheckpointKeys(0, keys_, room, records);
  if (is_whole) heard_until_ = Heard(now);
  // Also for its transaction, which keeps the clock: while something waits for time, no more of that than between two checkpoints is lost.
  if (program_.when && pending_ == 0) return;
  const FieldValue off{FieldValue::Kind::kNumber, static_cast<double>((now.elapsed - now.alive).count()), ""};
  records.push_back(
      {RuleRecord::Kind::kMemory, program_.config.alert, "", EncodeMemory(program_.hash, heard_until_, PackValues({off}), {})});
}

// False: there is more.
template <typename T>
bool Rule::CheckpointKeys(std::size_t feed, RecentKeys<T>& keys, std::size_t& room, std::vector<RuleRecord>& records) {
  Number& place = checkpoint_places_[feed];
  for (Number looked = 0; looked < keys.end(); ++looked) {
    if (room == 0) return false;
    place = (place + 1) % keys.end();
    if (!keys.IsThere(place) || !std::exchange(keys[place].is_memory_due, false)) continue;
    keys[place].is_memory_kept = true;
    records.push_back(RecordOf(RuleRecord::Kind::kMemory, feed, keys.KeyOf(place), MemoryOf(keys[place])));
    room -= std::min<std::size_t>(room, Footprint(records.back()));
  }
  return true;
}

std::string Rule::MemoryOf(const Key& key) const {
  return EncodeMemory(program_.hash, key.heard, "", key.windows ? *key.windows : Windows());
}

std::string Rule::MemoryOf(const Other& other) const {
  return EncodeMemory(program_.hash, other.at, PackValues({other.value}), other.windows ? *other.windows : Windows());
}

bool Rule::Restore(const RuleRecord& record, const RuleMoment& now, bool windows_count) {
  if (record.key.empty()) return RestoreSilence(record, now);
  const auto feed = static_cast<std::size_t>(static_cast<unsigned char>(record.key.front() - kFirstFeed));
  const std::string_view key = std::string_view(record.key).substr(1);
  if (feed >= program_.feeds.size()) return false;
  if (feed > 0) return RestoreOther(feed, key, record, now, windows_count);
  return record.kind == RuleRecord::Kind::kState ? RestoreState(key, record, now) : RestoreKey(key, record, now, windows_count);
}

// The clock of what was heard goes on from where that is known: a crash is no silence.
bool Rule::RestoreSilence(const RuleRecord& record, const RuleMoment& now) {
  Windows none;
  const std::optional<KeptMemory> kept = DecodeMemory(record.data, program_.hash, none);
  if (!kept) return false;
  blind_ = now.alive - kept->heard;
  const AliveTime off = now.elapsed - now.alive;
  if (program_.config.count_blind_time) {
    std::vector<FieldValue> then(1);
    UnpackValues(kept->values, then);
    const double off_then = std::clamp(NumberOf(then[0]).value_or(0), 0.0, static_cast<double>(off.count()));
    blind_ -= off - AliveTime(static_cast<std::int64_t>(off_then));
  }
  // Nothing was heard later than now, whatever the record says.
  blind_ = std::max(blind_, program_.config.count_blind_time ? -off : AliveTime(0));
  return true;
}

// REQUIRES: blind_ is known.
void Rule::RecallSilence(Key& key, const RuleMoment& now) const {
  key.heard = std::min(key.heard, Heard(now));
  if (program_.when || key.state.phase() == AlertPhase::kInactive) return;
  // Its state is known better than when it was heard of.
  const std::optional<AliveTime> over = key.state.over_since();
  key.heard =
      over ? std::max(key.heard, std::min(*over - blind_, Heard(now))) : std::min(key.heard, Heard(now) - *program_.config.absent_for);
}

bool Rule::RestoreState(std::string_view key, const RuleRecord& record, const RuleMoment& now) {
  std::optional<KeptState> kept = DecodeState(record.data);
  if (!kept || kept->rule_hash != program_.hash || kept->phase == AlertPhase::kInactive) return false;
  Number number = keys_.Find(key);
  if (number == keys_.kNone) {
    if (keys_.IsFull()) return false;
    number = Insert(key, now);
  }
  Key& entry = keys_[number];
  entry.state = AlertState(kept->phase, std::min(kept->since, now.alive), kept->over_since);
  entry.active = std::make_unique<Active>(Active{std::move(kept->values), kept->active, {}, false, nullptr});
  if (kept->phase == AlertPhase::kFiring) entry.active->incident = std::make_unique<Incident>(std::move(kept->incident));
  entry.is_restored = true;
  entry.is_state_kept = true;
  Count(kept->phase, true);
  keys_.Touch(number, kept->phase == AlertPhase::kFiring);
  return true;
}

bool Rule::RestoreKey(std::string_view key, const RuleRecord& record, const RuleMoment& now, bool windows_count) {
  std::unique_ptr<Windows> windows = NewWindows(program_.feeds[0]);
  const std::optional<KeptMemory> kept = RestoreWindows(record, now, windows_count, *windows);
  Number number = keys_.Find(key);
  if (!kept || (number == keys_.kNone && keys_.IsFull())) return false;
  if (number == keys_.kNone) number = Insert(key, now);
  keys_[number].heard = kept->heard;
  if (!windows->empty()) keys_[number].windows = std::move(windows);
  keys_[number].is_memory_kept = true;
  return true;
}

bool Rule::RestoreOther(std::size_t feed, std::string_view key, const RuleRecord& record, const RuleMoment& now, bool windows_count) {
  std::unique_ptr<Windows> windows = NewWindows(program_.feeds[feed]);
  const std::optional<KeptMemory> kept = RestoreWindows(record, now, windows_count, *windows);
  RecentKeys<Other>& others = others_[feed];
  if (!kept || others.IsFull() || others.Find(key) != others.kNone) return false;
  Other& other = others[others.Insert(key)];
  other.at = std::min(kept->heard, now.elapsed);
  std::vector<FieldValue> values(1);
  if (windows_count || windows->empty()) UnpackValues(kept->values, values);
  other.value = std::move(values[0]);
  if (!windows->empty()) other.windows = std::move(windows);
  other.is_memory_kept = true;
  return true;
}

// Nothing: the record is not of this rule. A window that knows what is to come was written before the clock lost time.
std::optional<KeptMemory> Rule::RestoreWindows(const RuleRecord& record, const RuleMoment& now, bool windows_count,
                                               Windows& windows) const {
  std::optional<KeptMemory> kept = DecodeMemory(record.data, program_.hash, windows);
  for (SampleWindow& window : windows) {
    const std::optional<RunningTime> latest = window.Latest();
    if (!windows_count || (latest && *latest > now.elapsed)) window.Clear();
  }
  return kept;
}

void Rule::Start(const RuleMoment& now) {
  for (const auto& names : program_.config.expect) {
    std::string key;
    for (const std::string& name : program_.by) key += (&name == &program_.by.front() ? "" : std::string(1, '\0')) + names.at(name);
    Number number = keys_.Find(key);
    if (number == keys_.kNone && !keys_.IsFull()) number = Insert(key, now);
    if (number != keys_.kNone) keys_[number].is_expected = true;
  }
  for (const RuleFeed& feed : program_.feeds) {
    for (const RuleWindow& window : feed.windows) windows_until_ = std::max(windows_until_, now.alive + window.duration);
    if (feed.value) others_until_ = feed.stale_after ? std::max(others_until_, now.alive + *feed.stale_after) : kNeverAlive;
  }
  heard_until_ = Heard(now);
  for (Number number = 0; number < keys_.end(); ++number) {
    if (!keys_.IsThere(number)) continue;
    RecallSilence(keys_[number], now);
    reading_.Use(keys_.KeyOf(number), "");
    if (keys_[number].is_expected) keys_.Touch(number, true);
    Schedule(number, now);
    // What changed while the daemon was off is looked at now; else the start counts as a look.
    Key& key = keys_[number];
    if (key.active && key.wake > now.alive) key.active->looked = now.alive;
  }
}

}  // namespace sluice
