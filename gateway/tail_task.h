// The command "tail" of the daemon: events as they come in (gateway/event_tap.h), until the client leaves, so many were shown, or the
// daemon stops.
//
//   request: "filter" (an MQTT topic filter; `#` does not match the gateway's own, `$sluice/#` does), "source", "limit", "as": "json" |
//   "text" answer:  {"source", "qos", "retained", "routed", "cloudevent"} or {"time", "source", "topic", "routed", "text", "bytes"} for
//   each;
//            {"missed": n} now and then, also when nothing comes: how many did not fit kMaxBuffer, since the client takes them too slowly
//
// An event that no route takes has no seq, and 0 stands for it in the id of its CloudEvent.
//
// Invariant: a client costs kMaxBuffer at most, and never holds up an event.
//
// Loop thread.
#pragma once

#include "gateway/control_commands.h"
#include "gateway/event_tap.h"
#include "gateway/outbox_desk.h"
#include "gateway/ports.h"

namespace sluice {

constexpr std::size_t kMaxTails = 4;
constexpr std::size_t kMaxTailBuffer = 1u << 20;

/// All of these outlive the tasks.
ControlHandler TailHandler(EventTap& tap, Clock& clock, const OutboxDesk& desk);

}  // namespace sluice
