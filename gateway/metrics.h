// Metrics for Prometheus, in its text format. README.md lists them with what each is good for.
//
// Labels are names of the configuration and a few words: never a topic, a key or anything else that a sensor could make more of. Counters
// are those of the ledger (store/FORMAT.md), which go on over restarts, or begin with the process.
//
// Pure.
#pragma once

#include <optional>
#include <string>

#include "gateway/histogram.h"
#include "gateway/ports.h"
#include "gateway/process_facts.h"
#include "gateway/status.h"

namespace sluice {

struct MetricsFacts {
  StatusFacts status;                     ///< Without the counters.
  std::optional<StoreCounters> counters;  ///< Nothing: not known yet; what they tell is left out.
  bool outbox_answers = true;             ///< The counters are of this moment.
  Histogram commit_durations;
  Histogram ack_durations;
  ProcessFacts process;
};

std::string MetricsOf(const MetricsFacts& facts);

}  // namespace sluice
