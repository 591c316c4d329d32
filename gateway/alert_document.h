// An alert as an event: its topic, and its payload, which has the shape of an alert in Alertmanager's webhook.
//
//   status       "firing" or "resolved"
//   labels       {alertname, names of `by`, labels of the rule}; annotations
//   startsAt     when it began to fire, RFC 3339; endsAt: when it was over, 0001-01-01T00:00:00Z while it fires
//   fingerprint  of the labels, as Alertmanager reckons it
// and of our own
//   id           of this notification: <gateway>:<outbox>:<alert>:<fingerprint>:<what caused it>, or that of the incident and the reason;
//                the same however often it is sent
//   incident     the id of the notification that said "firing"
//   activeAt     since when the condition was true
//   value        the first thing that the condition looks at; inputs: all inputs of the rule
//   cause        id of the event that caused it; absent if time did
//   reason       of "resolved": "forgotten" (too many keys) or "rule changed", if it is not that the condition was over
//   suppressed   alerts of this rule that were not told since the last notification, if there were any
//
// Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateway/event.h"
#include "gateway/field_value.h"

namespace sluice {

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

struct AlertDocument {
  std::string alert;
  bool is_firing = true;
  NamedTexts labels;  ///< Besides `alertname`; sorted, each name once.
  NamedTexts annotations;
  WallTime starts;
  WallTime ends;  ///< Of one that is over.
  WallTime active;
  std::string id;
  std::string incident;
  FieldValue value;
  std::vector<std::pair<std::string, FieldValue>> inputs;
  std::string cause;
  std::string reason;
  std::uint64_t suppressed = 0;
};

/// A transition of an alert, to be published.
struct AlertEvent {
  std::string topic;  ///< `$sluice/alerts/<alert>`
  std::string payload;
};

std::string FingerprintOf(const std::string& alert, const NamedTexts& labels);
AlertEvent MakeAlertEvent(const AlertDocument& document);

/// As people read it: six significant digits.
std::string NumberText(double number);

}  // namespace sluice
