#include "config/difference.h"

#include <map>
#include <nlohmann/json.hpp>

#include "config/secrets.h"
#include "config/show.h"
#include "gateway/json_text.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMask = "\"***\"";

// The array under `key` as an object by the member `name` of its items, and their order.
void ByName(Json& document, const char* key, const char* name) {
  const auto found = document.find(key);
  if (found == document.end() || !found->is_array()) return;
  Json named = Json::object();
  Json order = Json::array();
  for (const Json& item : *found) {
    order.push_back(item.at(name));
    named[item.at(name).get<std::string>()] = item;
  }
  document[std::string(key) + " (order)"] = std::move(order);
  *document.find(key) = std::move(named);
}

// Leaves by pointer. Arrays are leaves: in them a place says little.
void Flatten(const Json& node, const std::string& pointer, std::map<std::string, std::string>& leaves) {
  if (!node.is_object() || node.empty()) {
    leaves.emplace(pointer, JsonText(node));
    return;
  }
  for (const auto& [key, value] : node.items()) Flatten(value, pointer + "/" + key, leaves);
}

std::map<std::string, std::string> Leaves(const Config& config) {
  Json document = Json::parse(ShowConfig(config));
  ByName(document, "classes", "name");
  ByName(document, "routes", "name");
  ByName(document, "rules", "alert");
  std::map<std::string, std::string> leaves;
  Flatten(document, "", leaves);
  return leaves;
}

// Members of `to` that `from` lacks or has otherwise, then those that only `from` has.
std::map<std::string, ConfigChange> Compare(const std::map<std::string, std::string>& from, const std::map<std::string, std::string>& to) {
  std::map<std::string, ConfigChange> changes;
  for (const auto& [pointer, after] : to) {
    const auto before = from.find(pointer);
    if (before == from.end()) changes[pointer] = {pointer, "", after};
    if (before != from.end() && before->second != after) changes[pointer] = {pointer, before->second, after};
  }
  for (const auto& [pointer, before] : from) {
    if (!to.contains(pointer)) changes[pointer] = {pointer, before, ""};
  }
  return changes;
}

}  // namespace

std::vector<ConfigChange> Differences(const Config& from, const Config& to) {
  std::map<std::string, ConfigChange> changes = Compare(Leaves(from), Leaves(to));
  for (auto& [pointer, secret] : Compare(SecretsOf(from), SecretsOf(to))) {
    const char* before = secret.before.empty() ? "" : kMask;
    const char* after = secret.after.empty() ? "" : kMask;
    changes[pointer] = {pointer, before, after};
  }
  std::vector<ConfigChange> all;
  for (auto& [pointer, change] : changes) all.push_back(std::move(change));
  return all;
}

std::string FormatChange(const ConfigChange& change) {
  if (change.before.empty()) return "+ " + change.pointer + ": " + change.after;
  if (change.after.empty()) return "- " + change.pointer + ": " + change.before;
  if (change.before == change.after) return "~ " + change.pointer + ": changed";
  return "~ " + change.pointer + ": " + change.before + " -> " + change.after;
}

}  // namespace sluice
