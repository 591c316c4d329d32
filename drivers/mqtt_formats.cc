#include "drivers/mqtt_formats.h"

#include <algorithm>

namespace sluice {

MqttFormats::MqttFormats(const MqttSourceConfig& config) : otherwise_(config.format) {
  const std::vector<Subscription>& all = config.subscribe;
  const bool is_one = std::all_of(all.begin(), all.end(), [&](const Subscription& one) { return one.format == all[0].format; });
  if (is_one && !all.empty()) otherwise_ = all[0].format;
  if (is_one) return;
  for (const Subscription& subscription : all) {
    Result<TopicFilter> filter = TopicFilter::Parse(WithoutShare(subscription.filter));
    if (filter) formats_.emplace_back(std::move(*filter), subscription.format);
  }
}

PayloadFormat MqttFormats::Of(std::string_view topic) const {
  Captures captures;
  for (const auto& [filter, format] : formats_) {
    if (filter.Matches(topic, captures)) return format;
  }
  // A session of an earlier configuration may have others.
  return otherwise_;
}

}  // namespace sluice
