// Which format the payloads of a topic have: what the source's subscriptions say.
//
// Thread: any, after it is made.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "gateway/topic.h"

namespace sluice {

class MqttFormats {
 public:
  explicit MqttFormats(const MqttSourceConfig& config);

  /// Does not allocate.
  PayloadFormat Of(std::string_view topic) const;

 private:
  std::vector<std::pair<TopicFilter, PayloadFormat>> formats_;  // Empty if all are the same.
  PayloadFormat otherwise_;
};

}  // namespace sluice
