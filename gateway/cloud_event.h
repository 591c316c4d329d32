// CloudEvents 1.0 attributes of a row. Source: CloudEvents specification 1.0.2, with the extensions "sequence", "expirytime" and, of our
// own, "prevseq".
//
//   id       <gateway id>:<outbox id>:<seq>      the same on every copy of a row that is ever sent
//   source   /sluice/<gateway id>/<source>
//   type     io.sluice.mqtt.message
//   time     when the source received it, RFC 3339, UTC, microseconds
//   subject  the MQTT topic
//   sequence seq in 20 digits, so that it sorts as text
//   expirytime  when the publisher's message expires, if it says so (MQTT 5)
//   prevseq  sequence of the row before it in the same lane; absent on the first: a consumer can prove that it has all
//
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "gateway/event.h"

namespace sluice {

/// What a sink needs to know to name events.
struct Identity {
  std::string gateway_id;
  std::string outbox_id;
};

constexpr std::string_view kEventType = "io.sluice.mqtt.message";

/// True for the attributes of CloudEvents 1.0 and of the extensions in use: where they travel under their own names, no other property can
/// have one of these.
bool IsAttributeName(std::string_view name);

/// The attributes that differ from row to row, formatted without allocation once the buffers have grown.
class CloudEvent {
 public:
  explicit CloudEvent(const Identity& identity);

  /// RFC 3339, UTC, microseconds.
  static std::string FormatTime(WallTime when);

  /// The views below are valid until the next Set; `row` must live as long.
  void Set(const Row& row);

  std::string_view id() const { return id_; }
  std::string_view source() const { return source_; }
  std::string_view time() const { return time_.text(); }
  /// Empty if the message does not expire.
  std::string_view expirytime() const { return has_expiry_ ? expiry_.text() : std::string_view(); }
  std::string_view sequence() const { return {sequence_.data(), sequence_.size()}; }
  /// Empty on the first row of a lane.
  std::string_view prevseq() const { return {prevseq_.data(), has_prevseq_ ? prevseq_.size() : 0}; }

 private:
  using Digits = std::array<char, 20>;

  /// RFC 3339 with microseconds; the part down to the second is formatted only when it changes.
  class Timestamp {
   public:
    void Set(WallTime when);
    std::string_view text() const { return {text_.data(), kSize}; }

   private:
    static constexpr std::size_t kSize = 27;  // 2026-11-23T10:00:00.123456Z
    std::array<char, 32> text_{};
    std::int64_t second_ = -1;
  };

  const std::string id_prefix_;
  const std::string source_prefix_;
  std::string id_;
  std::string source_;
  Timestamp time_;
  Timestamp expiry_;
  Digits sequence_{};
  Digits prevseq_{};
  bool has_prevseq_ = false;
  bool has_expiry_ = false;
};

}  // namespace sluice
