#include "gateway/alert_desk.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace sluice {

AlertDesk::AlertDesk(std::unique_ptr<Rules> rules, const AliveClock& clock, std::function<std::vector<bool>()> connected)
    : rules_(std::move(rules)), clock_(clock), connected_(std::move(connected)) {}

void AlertDesk::Start(std::vector<RuleRecord> records, const ClockReading& now) {
  const RuleMoment moment = clock_.At(now);
  checkpoint_at_ = moment.alive + kCheckpointEvery;
  rules_->Start(std::move(records), moment, clock_.IsOffTimeKnown(), alerts_);
}

void AlertDesk::OnEvent(const Event& event, const std::string& source, const ClockReading& now, Seq seq) {
  rules_->OnEvent(event, source, clock_.Of(event, now), seq, alerts_);
}

void AlertDesk::Advance(const ClockReading& now) {
  rules_->Advance(clock_.At(now), connected_(), alerts_);
}

bool AlertDesk::IsCheckpointDue(const ClockReading& now) const {
  return clock_.At(now).alive >= checkpoint_at_;
}

std::vector<RuleRecord> AlertDesk::TakeCheckpoint(const ClockReading& now) {
  checkpoint_at_ = is_stopping_ ? kNeverAlive : clock_.At(now).alive + kCheckpointEvery;
  std::vector<RuleRecord> records = std::exchange(unkept_, {});
  rules_->Checkpoint(clock_.At(now), is_stopping_, kCheckpointBytes, records);
  // Neighbours share pages.
  std::stable_sort(records.begin(), records.end(),
                   [](const RuleRecord& a, const RuleRecord& b) { return std::tie(a.rule, a.key) < std::tie(b.rule, b.key); });
  return records;
}

void AlertDesk::GiveBack(std::vector<RuleRecord> checkpoint) {
  unkept_ = std::move(checkpoint);
}

void AlertDesk::Stop() {
  is_stopping_ = true;
  checkpoint_at_ = AliveTime(0);
}

std::optional<std::chrono::milliseconds> AlertDesk::UntilWake(const ClockReading& now) const {
  const AliveTime wake = std::min(rules_->NextWake(), checkpoint_at_);
  if (wake == kNeverAlive) return std::nullopt;
  return std::max(wake - clock_.At(now).alive, AliveTime(0));
}

}  // namespace sluice
