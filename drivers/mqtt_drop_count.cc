#include "drivers/mqtt_drop_count.h"

#include <algorithm>
#include <charconv>

#include "gateway/log.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

constexpr std::chrono::minutes kTellEvery{1};

}  // namespace

bool MqttDropCount::IsAskedFor(const std::vector<Subscription>& filters) {
  return std::any_of(filters.begin(), filters.end(), [](const Subscription& subscription) {
    Captures captures;
    const Result<TopicFilter> filter = TopicFilter::Parse(WithoutShare(subscription.filter));
    return filter && filter->Matches(kTopic, captures);
  });
}

std::optional<std::uint64_t> MqttDropCount::Parse(std::string_view payload) {
  std::uint64_t counter = 0;
  const char* const end = payload.data() + payload.size();
  const auto [parsed, error] = std::from_chars(payload.data(), end, counter);
  return error == std::errc() && parsed == end ? std::optional(counter) : std::nullopt;
}

MqttDropCount::MqttDropCount(const std::string& source, Clock& clock) : source_(source), told_timer_(clock.NewTimer([this] { Tell(); })) {}

void MqttDropCount::Note(std::uint64_t counter) {
  if (counter_) dropped_ += counter >= *counter_ ? counter - *counter_ : counter;
  counter_ = counter;
  Tell();
}

void MqttDropCount::Tell() {
  if (dropped_ == told_ || told_timer_->IsActive()) return;
  Log(LogLevel::kWarning, "mqtt", "the broker has dropped messages, of this source or of other clients",
      {{"source", source_}, {"messages", std::to_string(dropped_ - told_)}});
  told_ = dropped_;
  told_timer_->Start(kTellEvery);
}

}  // namespace sluice
