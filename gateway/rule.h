// One rule at work: the state of each of its keys, driven by events and by time.
//
// What an event does: its key is found or made, its values are read, its windows take them, the conditions are worked out, and the state of
// the key observes the outcome (gateway/alert_state.h). What the condition says holds until it is looked at again: at the next event of the
// key, and, if it is made of windows or of values that grow old, when one of these changes while the key is pending or firing, a second
// after the last look at the earliest.
//
// Invariants
//  1. A change of a key's state is among the records that are taken next; so it is kept in the transaction of the event that caused it.
//  2. "firing" and "resolved" pair up: an alert that was told to fire is told once to be over, also if its key is forgotten.
//  3. What cannot be known (a field that is not there, no number, a window that is not covered) makes no condition true.
//  4. There are at most max_keys keys; the least recently heard of go first, those that fire last.
//
// Pure: time is data. Thread: one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/alert_state.h"
#include "gateway/alert_writer.h"
#include "gateway/alive_clock.h"
#include "gateway/ports.h"
#include "gateway/recent_keys.h"
#include "gateway/rule_memory.h"
#include "gateway/rule_program.h"
#include "gateway/rule_reading.h"

namespace sluice {

/// Since the start of the daemon.
struct RuleCounts {
  std::uint64_t events = 0;       ///< That matched.
  std::uint64_t evaluations = 0;  ///< Of the condition.
  std::uint64_t fired = 0;
  std::uint64_t resolved = 0;
  std::uint64_t missing = 0;      ///< Events without a value that the rule looks at: not there, or null; or without a part of the key.
  std::uint64_t type_errors = 0;  ///< A text that is no number where one had to stand, or too long.
  std::uint64_t undecodable = 0;  ///< Payloads that are not what their format says.
  std::uint64_t retained = 0;     ///< Retained copies, which rules pass over.
  std::uint64_t forgotten = 0;    ///< Keys, for want of room.
  std::uint64_t suppressed = 0;   ///< Alerts that were not told, because there were too many.
  std::uint64_t overflows = 0;    ///< Samples that left their window before their time.
};

class Rule {
 public:
  using Number = std::uint32_t;  ///< Of a key.
  /// The key is to be woken at that time; an earlier wish of it still stands.
  using Wake = std::function<void(AliveTime at, Number key, std::uint32_t stamp)>;

  /// `id_prefix`: "<gateway>:<outbox>:".
  Rule(RuleProgram program, const std::string& id_prefix, Wake wake);

  void OnEvent(std::size_t feed, std::size_t filter, const RuleEvent& event, std::vector<AlertEvent>& alerts);
  /// Rules pass over retained copies: nobody knows how old they are.
  void OnRetained() { ++counts_.retained; }
  void OnWake(Number key, std::uint32_t stamp, const RuleMoment& now, std::vector<AlertEvent>& alerts);
  /// So much time has passed in which events may have gone unheard: it is no silence. `is_blind`: it goes on.
  void AddBlindTime(AliveTime time, bool is_blind);

  /// Takes back a record of a former life. `windows_count`: it is known how long ago that was. False: it is of a rule that was not the
  /// same, or there is no room for it.
  bool Restore(const RuleRecord& record, const RuleMoment& now, bool windows_count);
  /// After the last Restore: keys that are expected are heard of from now on.
  void Start(const RuleMoment& now);
  /// Appends what has changed of states since the last time.
  void TakeRecords(std::vector<RuleRecord>& records);
  /// Appends what has changed of windows and silence, until the records have taken `room` bytes; the rest the next time. `all`: the last
  /// before a stop, also windows so short that they are not worth it while the daemon runs; states that are to be kept once more for it
  /// are among the records that are taken next.
  void Checkpoint(const RuleMoment& now, bool all, std::size_t& room, std::vector<RuleRecord>& records);
  /// That wish still stands.
  bool IsAwaited(Number key, std::uint32_t stamp, AliveTime at) const {
    return keys_.IsThere(key) && keys_[key].stamp == stamp && keys_[key].wake == at;
  }

  const RuleProgram& program() const { return program_; }
  RuleCounts counts() const;
  std::size_t keys() const { return keys_.size(); }
  std::size_t pending() const { return pending_; }
  std::size_t firing() const { return firing_; }
  /// What the condition saw last, and of which key; for people.
  const FieldValue& last_value() const { return last_value_; }
  std::string last_key() const;

 private:
  using Windows = std::vector<SampleWindow>;
  /// Of a key that is not inactive.
  struct Active {
    std::string values;  // Packed, of the last event.
    WallTime since;
    AliveTime looked{0};                 // When its condition was looked at last.
    bool is_held = false;                // Then it could not be known because of a restart, and the state was left as it was.
    std::unique_ptr<Incident> incident;  // If it fires.
  };
  struct Key {
    AlertState state;
    AliveTime heard{0};  // On a clock that stands still while blind, if that is no silence.
    AliveTime wake = kNeverAlive;
    std::unique_ptr<Windows> windows;
    std::unique_ptr<Active> active;
    std::uint32_t stamp = 0;
    bool is_state_due = false;
    bool is_memory_due = false;
    bool is_state_kept : 1 = false;
    bool is_memory_kept : 1 = false;
    bool is_expected : 1 = false;
    bool is_restored : 1 = false;  // And not known again since.
  };
  /// What another feed said last.
  struct Other {
    FieldValue value;
    AliveTime at{0};  // Elapsed: it grows old while the daemon is off.
    std::unique_ptr<Windows> windows;
    bool is_memory_due = false;
    bool is_memory_kept = false;
  };

  Number Admit(std::string_view key, const RuleMoment& now, std::vector<AlertEvent>& alerts);
  void OnOwn(Number number, const RuleEvent& event, std::vector<AlertEvent>& alerts);
  void OnOther(std::size_t feed, const RuleEvent& event, std::vector<AlertEvent>& alerts);
  void FeedWindows(RuleFeed& feed, Windows& windows, const RuleMoment& now);
  std::unique_ptr<Windows> NewWindows(const RuleFeed& feed) const;
  const Other* FindOther(std::size_t feed);
  const FieldValue* OtherValue(std::size_t feed, const RuleMoment& now);

  void Look(Number number, const RuleMoment& now, const AlertCause& cause, std::vector<AlertEvent>& alerts);
  void NoteLast(Number number, const RuleMoment& now);
  bool IsSilent(const Key& key, const RuleMoment& now) const;
  void KeepValues(Key& key);
  bool IsHeld(const Key& key, Truth truth, const RuleMoment& now);
  AliveTime HeldUntil(const Key& key, const RuleMoment& now);
  void Conclude(Number number, AlertPhase before, AlertChange change, const RuleMoment& now, const AlertCause& cause,
                std::vector<AlertEvent>& alerts);
  void Count(AlertPhase phase, bool more);

  void Schedule(Number number, const RuleMoment& now);
  AliveTime NextLook(const Key& key, const RuleMoment& now);
  AliveTime NextChange(const Key& key, const RuleMoment& now);
  void Forget(Number number, const RuleMoment& now, std::vector<AlertEvent>& alerts);

  void MarkState(Number number);
  std::string StateOf(const Key& key);
  bool IsWorthKeeping(std::size_t feed, bool all) const;
  template <typename T>
  bool CheckpointKeys(std::size_t feed, RecentKeys<T>& keys, std::size_t& room, std::vector<RuleRecord>& records);
  std::string MemoryOf(const Key& key) const;
  std::string MemoryOf(const Other& other) const;
  bool RestoreSilence(const RuleRecord& record, const RuleMoment& now);
  void RecallSilence(Key& key, const RuleMoment& now) const;
  bool RestoreState(std::string_view key, const RuleRecord& record, const RuleMoment& now);
  bool RestoreKey(std::string_view key, const RuleRecord& record, const RuleMoment& now, bool windows_count);
  bool RestoreOther(std::size_t feed, std::string_view key, const RuleRecord& record, const RuleMoment& now, bool windows_count);
  std::optional<KeptMemory> RestoreWindows(const RuleRecord& record, const RuleMoment& now, bool windows_count, Windows& windows) const;
  Number Insert(std::string_view key, const RuleMoment& now);
  AliveTime Heard(const RuleMoment& now) const { return now.alive - blind_; }
  RuleRecord RecordOf(RuleRecord::Kind kind, std::size_t feed, const std::string& key, std::string data) const;

  RuleProgram program_;
  const Wake wake_;
  RuleReading reading_;
  AlertWriter writer_;
  RuleCounts counts_;
  RecentKeys<Key> keys_;
  std::deque<RecentKeys<Other>> others_;  // One for each feed; the first is not used.
  std::vector<Number> due_states_;
  std::vector<RuleRecord> gone_;  // Of keys that were forgotten.
  std::size_t pending_ = 0;
  std::size_t firing_ = 0;
  std::uint32_t last_stamp_ = 0;
  AliveTime blind_{0};
  bool is_blind_ = false;
  AliveTime windows_until_{0};             // What a restart took of windows, and of
  AliveTime others_until_{0};              // values of other sensors, is waited for until then.
  AliveTime heard_until_{0};               // What is kept tells all that was heard until then, on the clock of Key::heard.
  std::vector<Number> checkpoint_places_;  // Where the last one ended, by feed.
  FieldValue last_value_;
  std::string last_key_;
};

}  // namespace sluice
