// Which filters our clients have subscribed to at their brokers. A session there outlives the process and its configuration: a filter that
// is taken out of the configuration goes on until it is unsubscribed, and what matches it and another one comes twice.
//
// A file of JSON beside the outbox, {"<client id>@<host>:<port>": ["<filter>", ...]}: written before a filter is subscribed, and when
// others are gone. What it names may be subscribed; what it does not name is not.
//
// MQTT control thread, but for the constructor. Blocks on the disk.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {

class MqttSubscriptions {
 public:
  /// What cannot be read is taken for nothing.
  explicit MqttSubscriptions(std::string path);

  /// The filters of `config` are about to be subscribed, beside those that the session has.
  void Add(const MqttSourceConfig& config);
  /// The session has those of `config`, or is about to, and no others.
  void Set(const MqttSourceConfig& config);
  /// What the session may have and `config` has not.
  std::vector<std::string> Strays(const MqttSourceConfig& config) const;

 private:
  using Filters = std::set<std::string>;

  void Keep(const std::string& client, Filters filters);

  const std::string path_;
  std::map<std::string, Filters> clients_;
  bool is_written_ = true;
};

}  // namespace sluice
