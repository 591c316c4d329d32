// What is kept of a rule's keys over a restart, as bytes (RuleRecord::data).
//
// Each begins with a version and the hash of the rule: of a rule that has changed since, nothing counts but that an alert was firing. Bytes
// come from a file and are not trusted.
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/alert_document.h"
#include "gateway/alert_state.h"
#include "gateway/event.h"
#include "gateway/field_value.h"
#include "gateway/sample_window.h"

namespace sluice {

/// What was told of an alert that fires.
struct Incident {
  std::string id;  ///< Of the notification that it fires.
  WallTime starts;
  bool suppressed = false;  ///< It was not sent; nor will be that it is over.
};

/// A key that is pending or firing.
struct KeptState {
  std::uint64_t rule_hash = 0;
  AlertPhase phase = AlertPhase::kInactive;
  AliveTime since{0};
  std::optional<AliveTime> over_since;
  WallTime active;
  std::string values;  ///< PackValues of the last event.
  Incident incident;   ///< kFiring, as
  NamedTexts labels;   ///< these, which say what is over if the rule is not there any more.
};

std::string EncodeState(const KeptState& state);
std::optional<KeptState> DecodeState(std::string_view data);

/// Besides the windows of a key.
struct KeptMemory {
  AliveTime heard{0};
  std::string values;  ///< PackValues of what another feed said last.
};

std::string EncodeMemory(std::uint64_t rule_hash, AliveTime heard, const std::string& values, const std::vector<SampleWindow>& windows);
/// Nothing: it is not of this rule. Windows that cannot be read are empty.
std::optional<KeptMemory> DecodeMemory(std::string_view data, std::uint64_t rule_hash, std::vector<SampleWindow>& windows);

/// Values in few bytes. Of a number only the number is kept.
std::string PackValues(const std::vector<FieldValue>& values);
/// Those that are missing are kNone.
void UnpackValues(std::string_view packed, std::vector<FieldValue>& values);

}  // namespace sluice
