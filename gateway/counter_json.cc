#include "gateway/counter_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice {

using Json = nlohmann::ordered_json;

std::int64_t CounterOf(const StoreCounters& counters, const std::string& name) {
  const auto it = counters.values.find(name);
  return it == counters.values.end() ? 0 : it->second;
}

std::set<std::string> SourceNames(const StoreCounters& counters) {
  const std::string folder = "source/";
  std::set<std::string> names;
  for (auto it = counters.values.lower_bound(folder); it != counters.values.end() && it->first.starts_with(folder); ++it) {
    names.insert(it->first.substr(folder.size(), it->first.find('/', folder.size()) - folder.size()));
  }
  return names;
}

void AddCounters(const StoreCounters& counters, const std::string& prefix, std::initializer_list<const char*> always, Json& object) {
  for (const char* name : always) object[name] = 0;
  for (auto it = counters.values.lower_bound(prefix); it != counters.values.end() && it->first.rfind(prefix, 0) == 0; ++it) {
    const std::string name = it->first.substr(prefix.size());
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos) {
      object[name] = it->second;
    } else {
      object[name.substr(0, slash)][name.substr(slash + 1)] = it->second;
    }
  }
}

void AddSourceCounters(const StoreCounters& counters, const std::string& source, Json& object) {
  AddCounters(counters, "source/" + source + "/", {"received", "routed", "unrouted"}, object);
}

void AddLaneCounters(const StoreCounters& counters, LaneId lane, Json& object) {
  AddCounters(counters, "lane/" + std::to_string(lane) + "/", {"in", "delivered", "pending", "pending_bytes", "dead_lettered"}, object);
}

void AddOldestAge(const StoreCounters& counters, LaneId lane, WallTime now, Json& object) {
  const auto oldest = counters.oldest.find(lane);
  if (oldest == counters.oldest.end()) return;
  object["oldest_age_s"] = std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(now - oldest->second).count());
}

Json DiskJson(const StoreCounters& counters, Bytes max_bytes) {
  return {{"used_bytes", counters.file_bytes}, {"max_bytes", max_bytes}, {"free_bytes", counters.free_bytes}};
}

}  // namespace sluice
