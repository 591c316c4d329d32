// Local alert rules on the stream: each event is shown to the rules whose filters match it, and time passes for all of them.
//
// Rules, events and times in, alerts and what is to be kept out; who calls decides when. An alert that an event causes comes out of that
// call, one that time causes out of Advance, in the order in which they fell due.
//
// Invariants
//  1. Rules see no event of the gateway itself, and no retained copy.
//  2. Time never goes back: an event that comes with an earlier time than what was seen last counts as of that.
//  3. What falls due before an event happens before it; what falls due at its time, after it.
//
// Pure: time is data. Thread: one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/alert_document.h"
#include "gateway/alive_clock.h"
#include "gateway/cloud_event.h"
#include "gateway/condition.h"
#include "gateway/payload_fields.h"
#include "gateway/ports.h"
#include "gateway/result.h"
#include "gateway/rule.h"
#include "gateway/topic_index.h"

namespace sluice {

/// How one rule is doing.
struct RuleStatus {
  std::string alert;
  std::size_t keys = 0;
  std::size_t pending = 0;
  std::size_t firing = 0;
  RuleCounts counts;
  std::string last_key;
  FieldValue last_value;
  double cost_us = 0;  ///< Of an event that matches, CPU; a mean over samples.
};

class Rules {
 public:
  /// Monotonic nanoseconds; to measure what rules cost.
  using CostClock = std::int64_t (*)();

  /// Disabled rules are left out. kInvalid names the rule and the mistake.
  static Result<std::unique_ptr<Rules>> Create(const Config& config, const Identity& identity, CostClock cost_clock = nullptr);

  bool IsEmpty() const { return rules_.empty(); }

  /// Once, before all else. `records`: of the life before, if there was one; those that no rule wants any more are deleted with the next
  /// ones taken, and alerts of rules that are gone are over.
  void Start(std::vector<RuleRecord> records, const RuleMoment& now, bool windows_count, std::vector<AlertEvent>& alerts);
  /// `seq`: that the event has, or would have.
  void OnEvent(const Event& event, const std::string& source, const RuleMoment& at, Seq seq, std::vector<AlertEvent>& alerts);
  /// `connected`: for each source of the configuration, whether its events come in.
  void Advance(const RuleMoment& now, const std::vector<bool>& connected, std::vector<AlertEvent>& alerts);
  /// When Advance has something to do, if no event comes; kNeverAlive: nothing.
  AliveTime NextWake() const;

  void TakeRecords(std::vector<RuleRecord>& records);
  /// About `max_bytes` of what windows know and who was heard of when; the rest the next time. `all`: the last before a stop, of any size;
  /// records are to be taken after it.
  void Checkpoint(const RuleMoment& now, bool all, std::size_t max_bytes, std::vector<RuleRecord>& records);

  std::vector<RuleStatus> Status() const;

 private:
  /// One filter of one rule, as the index knows it.
  struct Place {
    std::uint32_t rule;
    std::uint16_t feed;
    std::uint16_t filter;
  };
  struct Wake {
    AliveTime at;
    std::uint32_t rule;
    std::uint32_t key;
    std::uint32_t stamp;
  };
  struct Entry {
    std::unique_ptr<Rule> rule;
    std::vector<std::size_t> sources;  // Whose events it looks at, if it listens for silence.
    bool is_touched = false;           // Is among touched_.
    std::int64_t cost_ns = 0;
    std::uint64_t costed = 0;
  };

  Rules(ConditionEngine engine, CostClock cost_clock);
  Result<void> Add(const Config& config, const RuleConfig& rule, const std::string& id_prefix);
  void Show(const Place& place, const RuleEvent& event, std::vector<AlertEvent>& alerts);
  Rule& Touch(std::uint32_t rule);
  void Push(const Wake& wake);
  void DropStaleWakes();
  /// Those due at `until`, or before.
  void RunWakes(AliveTime until, std::vector<AlertEvent>& alerts);
  RuleMoment At(AliveTime time) const;
  RuleMoment NotBefore(const RuleMoment& at);
  void RestoreOrphan(const RuleRecord& record, const RuleMoment& now, std::vector<AlertEvent>& alerts);

  ConditionEngine engine_;  // Outlives the rules' statements.
  const CostClock cost_clock_;
  std::vector<Entry> rules_;
  TopicIndex index_;
  std::vector<Place> places_;
  std::vector<std::size_t> found_;
  PayloadFields payload_;
  std::deque<Wake> wakes_;              // A heap, the next one in front.
  std::size_t most_wakes_;              // Then those that nobody awaits any more are dropped.
  RuleMoment now_;                      // The latest that was seen.
  AliveTime polled_{0};                 // When the sources were looked at last.
  std::vector<bool> were_connected_;    // And how they were then.
  bool listens_ = false;                // Some rule listens for silence, and minds when nobody could have been heard.
  std::vector<std::uint32_t> touched_;  // Rules that may have records to be taken: of thousands, most have none.
  std::vector<RuleRecord> orphans_;     // To be deleted.
  std::size_t checkpoint_rule_ = 0;     // The next one to be the first.
  std::uint64_t shown_ = 0;
};

}  // namespace sluice
