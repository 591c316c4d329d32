// The rules beside the committer: it shows them each event, takes from them the alerts that become rows of the same transaction, and what
// is to be kept of them with it.
//
// Checkpoints, of windows and of who was heard when, go in transactions of their own, once in kCheckpointEvery and at the stop; between two
// of them that much may be lost of both, but never of a state that was told.
//
// Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/alive_clock.h"
#include "gateway/ports.h"
#include "gateway/rules.h"

namespace sluice {

class AlertDesk {
 public:
  static constexpr std::chrono::milliseconds kCheckpointEvery{60'000};
  static constexpr std::size_t kCheckpointBytes = 256u << 10;

  /// `connected`: for each source of the configuration, whether its events come in.
  AlertDesk(std::unique_ptr<Rules> rules, const AliveClock& clock, std::function<std::vector<bool>()> connected);

  /// Once, before all else. There may be alerts.
  void Start(std::vector<RuleRecord> records, const ClockReading& now);
  /// `seq`: that the event has, or would have.
  void OnEvent(const Event& event, const std::string& source, const ClockReading& now, Seq seq);
  void Advance(const ClockReading& now);

  bool HasAlerts() const { return !alerts_.empty(); }
  std::vector<AlertEvent> TakeAlerts() { return std::exchange(alerts_, {}); }
  /// What the transaction of these events is to keep.
  void TakeRecords(std::vector<RuleRecord>& records) { rules_->TakeRecords(records); }

  bool IsCheckpointDue(const ClockReading& now) const;
  std::vector<RuleRecord> TakeCheckpoint(const ClockReading& now);
  /// It was not kept: it goes in front of the next one.
  void GiveBack(std::vector<RuleRecord> checkpoint);
  /// The next checkpoint is the last one, and has everything; it is due.
  void Stop();

  void Keep(const ClockReading& now, ClockKept& kept) const { clock_.Keep(now, kept); }
  /// Until Advance or a checkpoint has something to do; nothing: never.
  std::optional<std::chrono::milliseconds> UntilWake(const ClockReading& now) const;
  std::vector<RuleStatus> Status() const { return rules_->Status(); }

 private:
  const std::unique_ptr<Rules> rules_;
  const AliveClock clock_;
  const std::function<std::vector<bool>()> connected_;
  std::vector<AlertEvent> alerts_;
  std::vector<RuleRecord> unkept_;
  AliveTime checkpoint_at_{0};
  bool is_stopping_ = false;
};

}  // namespace sluice
