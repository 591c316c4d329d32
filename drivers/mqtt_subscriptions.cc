#include "drivers/mqtt_subscriptions.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/file_text.h"
#include "gateway/json_text.h"
#include "gateway/log.h"
#include "gateway/replace_file.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

std::string ClientOf(const MqttSourceConfig& config) {
  return config.client_id + "@" + config.host + ":" + std::to_string(config.port);
}

std::set<std::string> FiltersOf(const MqttSourceConfig& config) {
  std::set<std::string> filters;
  for (const Subscription& subscription : config.subscribe) filters.insert(subscription.filter);
  return filters;
}

}  // namespace

MqttSubscriptions::MqttSubscriptions(std::string path) : path_(std::move(path)) {
  const Json json = Json::parse(FileText(path_).value_or(""), nullptr, false);
  if (!json.is_object()) return;
  for (const auto& [client, filters] : json.items()) {
    if (!filters.is_array()) continue;
    for (const Json& filter : filters) {
      if (filter.is_string()) clients_[client].insert(filter.get<std::string>());
    }
  }
}

void MqttSubscriptions::Add(const MqttSourceConfig& config) {
  const std::string client = ClientOf(config);
  Filters filters = FiltersOf(config);
  if (const auto known = clients_.find(client); known != clients_.end()) filters.insert(known->second.begin(), known->second.end());
  Keep(client, std::move(filters));
}

void MqttSubscriptions::Set(const MqttSourceConfig& config) {
  Keep(ClientOf(config), FiltersOf(config));
}

std::vector<std::string> MqttSubscriptions::Strays(const MqttSourceConfig& config) const {
  const auto known = clients_.find(ClientOf(config));
  std::vector<std::string> strays;
  if (known == clients_.end()) return strays;
  const Filters wanted = FiltersOf(config);
  std::set_difference(known->second.begin(), known->second.end(), wanted.begin(), wanted.end(), std::back_inserter(strays));
  return strays;
}

void MqttSubscriptions::Keep(const std::string& client, Filters filters) {
  Filters& known = clients_[client];
  if (known == filters && is_written_) return;
  known = std::move(filters);
  const Result<void> written = ReplaceFile(path_, JsonText(Json(clients_)) + "\n");
  is_written_ = written.has_value();
  if (!is_written_) {
    Log(LogLevel::kWarning, "mqtt",
        "which filters are subscribed could not be kept: those that are taken out of the configuration may go on",
        {{"reason", written.error().message}});
  }
}

}  // namespace sluice
