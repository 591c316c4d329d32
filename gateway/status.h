// How the gateway is doing, as one JSON document: for `sluice status`, and for whoever else wants to know.
//
//   version, gateway, outbox, config, config_problem (if there is one), config_since, time, clock_synchronized, uptime_s, start_reason
//   (gateway/start_reason.h) disk{used_bytes, max_bytes, free_bytes}, dead_letters_bytes, certificates[used_by, expires | error]
//   sources{<name>: state, last_error, since_start{...}, and its counters}
//   alerts{rules, pending, firing, suppressed, forgotten}, if there are rules; each by itself: `sluice rules list`
//   lanes[id, sink, class, state, in_flight, oldest_age_s, sent_bytes_today, last_error, last_error_time, and its counters]
//
// A lane is "orphaned" if its sink is not configured any more. Without a daemon that runs, `running` is false and uptime_s, start_reason,
// config, config_since and alerts are not there.
//
// `config` is a hash of what is in force, without secrets. Counters are those of the ledger (store/FORMAT.md), whatever there are:
// `refused/too_large` is the member `too_large` of `refused`.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/forwarder.h"
#include "gateway/paint.h"
#include "gateway/ports.h"
#include "gateway/result.h"
#include "gateway/rules.h"

namespace sluice {

/// When a certificate of ours ends, or why that is not known.
struct CertificateStatus {
  std::string used_by;
  Result<WallTime> expires;
};

struct StatusFacts {
  bool running = true;  ///< False: no daemon has the outbox, somebody looks at the file alone.
  std::string version;
  std::string gateway_id;
  std::string outbox_id;
  std::string config_hash;  ///< SHA-256 of what is in force, secrets masked; the document has its beginning.
  std::string start_reason;
  std::string config_problem;  ///< Why the configuration in force is not the one that stands in the files; empty: it is.
  bool last_reload_ok = true;  ///< True as long as there was none.
  WallTime last_reload{};      ///< When a configuration was put in force last, at the start or by a reload.
  ClockReading clock;
  std::chrono::seconds uptime{0};
  Bytes max_bytes = 0;
  std::vector<SourceStatus> sources;
  std::vector<LaneState> lanes;  ///< All of the outbox, also those that nobody forwards any more. Only their names are used.
  std::set<std::string> sinks;   ///< Names of those that are configured.
  std::vector<ForwarderStatus> forwarders;
  std::vector<CertificateStatus> certificates;
  std::vector<RuleStatus> rules;
  StoreCounters counters;
  std::string outbox_trouble;  ///< Why nothing can be written at present; empty: it can.
  bool stopping = false;
};

nlohmann::ordered_json StatusDocument(const StatusFacts& facts);

/// The document for a human.
std::string StatusText(const nlohmann::ordered_json& document, const Paint& paint = Plain);

}  // namespace sluice
