#include "gateway/gap_reporter.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/cloud_event.h"
#include "gateway/failpoint.h"
#include "gateway/own_event.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kLook{10'000};
constexpr std::chrono::hours kLongest{1};

std::string RecordOf(const std::vector<Gap>& gaps) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Gap& gap : gaps) {
    list.push_back({{"first", gap.first},
                    {"last", gap.last},
                    {"events", gap.events},
                    {"reason", NameOf(gap.reason)},
                    {"since", CloudEvent::FormatTime(gap.since)},
                    {"until", CloudEvent::FormatTime(gap.until)}});
  }
  return nlohmann::ordered_json{{"sink", gaps[0].sink}, {"class", gaps[0].lane_class}, {"gaps", std::move(list)}}.dump();
}

}  // namespace

GapReporter::GapReporter(const Surroundings& surroundings, std::function<bool()> may_leave)
    : surroundings_(surroundings),
      may_leave_(std::move(may_leave)),
      timer_(surroundings.clock.NewTimer([this] { OnTimer(); })),
      told_(surroundings.clock.Now()) {}

void GapReporter::Start() {
  timer_->Start(kLook);
}

void GapReporter::OnTimer() {
  timer_->Start(kLook);
  if (surroundings_.committer.IsTellingGaps() || (!may_leave_() && surroundings_.clock.Now() - told_ < kLongest)) return;
  timer_->Stop();
  surroundings_.store.ReadGaps([this](const Result<std::vector<Gap>>& gaps) { OnRead(gaps); });
}

void GapReporter::OnRead(const Result<std::vector<Gap>>& gaps) {
  if (stopped_) return;
  if (gaps) Tell(*gaps);
  timer_->Start(kLook);
}

void GapReporter::Stop() {
  stopped_ = true;
  timer_->Stop();
}

void GapReporter::Tell(const std::vector<Gap>& gaps) {
  if (!gaps.empty()) Failpoint("before_gap_record");
  told_ = surroundings_.clock.Now();
  for (auto first = gaps.begin(); first != gaps.end();) {
    const auto end = std::find_if(first, gaps.end(), [&](const Gap& gap) { return gap.lane != first->lane; });
    const std::vector<Gap> of_lane(first, end);
    Event event = MakeOwnEvent(kGapsTopic, RecordOf(of_lane), surroundings_.wall_clock.Read());
    surroundings_.committer.Publish(std::move(event), of_lane);
    first = end;
  }
}

}  // namespace sluice
