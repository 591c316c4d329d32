// How many messages the broker of a source has dropped, as far as it tells: Mosquitto publishes a counter, of all its clients together.
//
// Loop thread, but for the static functions: any.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/ports.h"

namespace sluice {

class MqttDropCount {
 public:
  /// Where the counter is: a retained message, and another when it has changed.
  static constexpr const char* kTopic = "$SYS/broker/publish/messages/dropped";

  /// What comes on kTopic are events, as one of the filters asks for it.
  static bool IsAskedFor(const std::vector<Subscription>& filters);
  /// None if it is no counter.
  static std::optional<std::uint64_t> Parse(std::string_view payload);

  /// `source`: its name, for the log; outlives this.
  MqttDropCount(const std::string& source, Clock& clock);

  /// The broker's counter now. A lower one than before: it was started anew, from 0. Growth is logged, once a minute at most.
  void Note(std::uint64_t counter);
  /// Since the first Note; none before it.
  std::optional<std::uint64_t> Dropped() const { return counter_ ? std::optional(dropped_) : std::nullopt; }

 private:
  void Tell();

  const std::string& source_;
  const std::unique_ptr<Timer> told_timer_;  // Running: the log has told lately.
  std::optional<std::uint64_t> counter_;
  std::uint64_t dropped_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace sluice
