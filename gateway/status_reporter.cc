#include "gateway/status_reporter.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/json_text.h"
#include "gateway/own_event.h"

namespace sluice {
namespace {

constexpr std::chrono::hours kLongest{1};
constexpr std::chrono::milliseconds kRecoveredDelay{2'000};

}  // namespace

StatusReporter::StatusReporter(const Surroundings& surroundings, Options options, std::function<StatusFacts()> facts,
                               std::function<bool()> may_leave)
    : surroundings_(surroundings),
      options_(options),
      facts_(std::move(facts)),
      may_leave_(std::move(may_leave)),
      interval_timer_(surroundings.clock.NewTimer([this] { OnInterval(); })),
      recovered_timer_(surroundings.clock.NewTimer([this] { Report("recovered", [] {}); })),
      reported_(surroundings.clock.Now()) {}

void StatusReporter::Start(const char* reason) {
  Report(reason, [] {});
  if (options_.every.count() > 0) interval_timer_->Start(options_.every);
}

void StatusReporter::OnInterval() {
  interval_timer_->Start(options_.every);
  if (may_leave_() || surroundings_.clock.Now() - reported_ >= kLongest) Report("interval", [] {});
}

void StatusReporter::OnRecovered() {
  if (!stopped_ && !recovered_timer_->IsActive()) recovered_timer_->Start(kRecoveredDelay);
}

void StatusReporter::Stop(const char* reason, std::function<void()> reported) {
  stopped_ = true;
  interval_timer_->Stop();
  recovered_timer_->Stop();
  if (reason == nullptr) return reported();
  Report(reason, std::move(reported));
}

void StatusReporter::Report(const char* reason, std::function<void()> reported) {
  if (!options_.is_routed) return reported();
  reported_ = surroundings_.clock.Now();
  surroundings_.store.Counters([this, reason, reported = std::move(reported)](Result<StoreCounters> counters) {
    if (counters) {
      StatusFacts facts = facts_();
      facts.counters = std::move(*counters);
      nlohmann::ordered_json document{{"reason", reason}};
      document.update(StatusDocument(facts));
      surroundings_.committer.Publish(MakeOwnEvent(kStatusTopic, JsonText(document), surroundings_.wall_clock.Read()));
    }
    reported();
  });
}

}  // namespace sluice
