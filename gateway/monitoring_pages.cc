#include "gateway/monitoring_pages.h"

#include <utility>

#include "gateway/metrics.h"
#include "gateway/process_facts.h"
#include "gateway/readiness.h"

namespace sluice {
namespace {

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

HttpPage MetricsPage(LedgerDesk& desk, std::function<const Committer&()> committer, std::function<StatusFacts()> facts) {
  return [&desk, committer = std::move(committer), facts = std::move(facts)](std::function<void(HttpReply)> done) {
    desk.Ask([committer, facts, done = std::move(done)](const LedgerDesk::Answer& answer) {
      const MetricsFacts all{.status = facts(),
                             .counters = answer.counters,
                             .outbox_answers = answer.trouble.empty(),
                             .commit_durations = committer().commit_durations(),
                             .ack_durations = committer().ack_durations(),
                             .process = ReadProcessFacts()};
      done({.type = kMetricsType, .body = MetricsOf(all)});
    });
  };
}

HttpPage ReadinessPage(LedgerDesk& desk, std::function<StatusFacts()> facts) {
  return [&desk, facts = std::move(facts)](std::function<void(HttpReply)> done) {
    desk.Ask([facts, done = std::move(done)](const LedgerDesk::Answer& answer) { done(ReadinessOf(facts(), answer.trouble)); });
  };
}

}  // namespace sluice
