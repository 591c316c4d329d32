// Whether the gateway can take events in, and what is not well with it.
//
// An uplink or a broker that is away costs no readiness: to ride that out is what the gateway is for, and a supervisor that restarts it for
// that would do harm.
//
// Pure.
#pragma once

#include <string>

#include "gateway/http_message.h"
#include "gateway/status.h"

namespace sluice {

/// 200 or 503, and {"ready", "reasons": why not, "problems": what else}, both lists of text. `silent`: why the outbox does not answer;
/// empty: it does.
HttpReply ReadinessOf(const StatusFacts& facts, const std::string& silent);

}  // namespace sluice
