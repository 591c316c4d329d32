// The pages that watchers ask for again and again: /metrics and /readyz.
//
// Loop thread.
#pragma once

#include <functional>

#include "gateway/committer.h"
#include "gateway/http_pages.h"
#include "gateway/ledger_desk.h"
#include "gateway/status.h"

namespace sluice {

/// `desk` outlives the page. `facts` gives all but the counters, `committer` the one that is at work.
HttpPage MetricsPage(LedgerDesk& desk, std::function<const Committer&()> committer, std::function<StatusFacts()> facts);
HttpPage ReadinessPage(LedgerDesk& desk, std::function<StatusFacts()> facts);

}  // namespace sluice
