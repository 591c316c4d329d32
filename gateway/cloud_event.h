// CloudEvents 1.0 attributes of a row. Source: CloudEvents specification 1.0.2, with the extensions "sequence", "expirytime" and, of our
// own, "prevseq", "redelivered" and "timequality".
//
//   id       <gateway id>:<outbox id>:<seq>      the same on every copy of a row that is ever sent
//   source   /sluice/<gateway id>/<source>; of the gateway's own events /sluice/<gateway id>
//   type     io.sluice.mqtt.message; of the gateway's own events io.sluice.<second level of the topic>
//   time     when the source received it, RFC 3339, UTC, microseconds
//   subject  the MQTT topic
//   sequence seq in 20 digits, so that it sorts as text
//   prevseq  sequence of the row before it in the same lane; absent on the first: a consumer can prove that it has all
//   expirytime   when the publisher's message expires, if it says so (MQTT 5)
//   redelivered  "true" if the broker had sent the message before: it may be here already, under another id
//   timequality  of `time`: absent if the clock was right; "corrected" if it was set right before the first sending; "unsynchronized" if
//                it may be wrong
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

/// True for the attributes of CloudEvents 1.0 and of the extensions in use: where they travel under their own names, no other property can
/// have one of these.
bool IsAttributeName(std::string_view name);

/// The attributes that differ from row to row, formatted without allocation once the buffers have grown.
class CloudEvent {
 public:
  explicit CloudEvent(const Identity& identity);

  /// RFC 3339, UTC, microseconds.
  static std::string FormatTime(WallTime when);

  /// What follows is valid until the next Set; `row` must live as long.
  void Set(const Row& row);

  std::string_view id() const { return id_; }
  /// Calls `add` with name and value of each attribute that the row has. Names as Kafka headers have them, "ce_id"; without the first
  /// kPrefix characters they are bare.
  template <typename Add>
  void ForEachAttribute(Add add) const {
    add("ce_specversion", "1.0");
    add("ce_id", id_);
    add("ce_source", source_);
    add("ce_type", type_);
    add("ce_time", time_.text());
    add("ce_subject", subject_);
    add("ce_sequence", std::string_view(sequence_.data(), sequence_.size()));
    if (has_prevseq_) add("ce_prevseq", std::string_view(prevseq_.data(), prevseq_.size()));
    if (has_expiry_) add("ce_expirytime", expiry_.text());
    if (redelivered_) add("ce_redelivered", "true");
    if (!time_quality_.empty()) add("ce_timequality", time_quality_);
  }
  static constexpr std::size_t kPrefix = 3;
  static constexpr std::size_t kMaxAttributes = 11;

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

  void SetOrigin(const Row& row);

  const std::string id_prefix_;
  const std::string gateway_;
  std::string id_;
  std::string source_;
  std::string type_;
  std::string_view subject_;
  std::string_view time_quality_;
  Timestamp time_;
  Timestamp expiry_;
  Digits sequence_{};
  Digits prevseq_{};
  bool has_prevseq_ = false;
  bool has_expiry_ = false;
  bool redelivered_ = false;
};

}  // namespace sluice
