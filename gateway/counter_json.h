// Counters of the ledger (store/FORMAT.md) as members of a JSON object.
//
// Pure.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "gateway/ports.h"

namespace sluice {

/// 0 if it never counted.
std::int64_t CounterOf(const StoreCounters& counters, const std::string& name);

/// Of all sources that ever counted, also those that are not configured any more.
std::set<std::string> SourceNames(const StoreCounters& counters);

/// Puts the counters below `prefix` into `object`, `refused/too_large` as the member `too_large` of `refused`; those named in `always` are
/// there also if they never counted.
void AddCounters(const StoreCounters& counters, const std::string& prefix, std::initializer_list<const char*> always,
                 nlohmann::ordered_json& object);
void AddSourceCounters(const StoreCounters& counters, const std::string& source, nlohmann::ordered_json& object);
void AddLaneCounters(const StoreCounters& counters, LaneId lane, nlohmann::ordered_json& object);

/// Adds `oldest_age_s` of the lane, if it has rows.
void AddOldestAge(const StoreCounters& counters, LaneId lane, WallTime now, nlohmann::ordered_json& object);

/// The room that the outbox takes.
nlohmann::ordered_json DiskJson(const StoreCounters& counters, Bytes max_bytes);

}  // namespace sluice
