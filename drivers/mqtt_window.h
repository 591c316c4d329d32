// Which messages may be on their way to a broker.
//
// Invariants
//  1. At most `size` messages are on their way, and of one key at most one.
//  2. Messages of one key leave in the order of Add, each after the answer to the one before.
//  3. After a refusal nothing of its key leaves, until Clear: a broker can refuse one message and take the next, so a second one of the key
//     must not be on the wire before the first is answered.
//  4. What Clear forgets while it is on its way still has its place in the window, until it is answered or Abandon.
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "drivers/mqtt_message.h"
#include "gateway/event.h"

namespace sluice {

class MqttWindow {
 public:
  /// A message that is about to leave. `number` identifies this sending; it is never used again.
  struct Departure {
    std::uint64_t number = 0;
    MqttMessage message;
  };
  /// What had no answer when the connection was given up.
  struct Abandoned {
    std::vector<Seq> sent;
    std::vector<Seq> waiting;
  };

  void SetSize(std::size_t size) { size_ = size; }
  void Add(Seq seq, const std::string& key, MqttMessage message);
  /// The next message that may leave, if there is one; it is on its way from now on.
  std::optional<Departure> Next();
  /// Sending `number` was answered. Its row, or nothing if that was forgotten.
  std::optional<Seq> OnAnswer(std::uint64_t number, bool taken);
  /// Forgets all rows.
  void Clear();
  /// The connection is gone: nothing is on its way any more. Forgets all rows and names them, ascending.
  Abandoned Abandon();

  bool IsEmpty() const { return keys_.empty(); }
  std::size_t OnTheWay() const { return on_the_way_.size(); }

 private:
  struct Waiting {
    Seq seq = 0;
    MqttMessage message;
  };
  struct Sent {
    Seq seq = 0;  // 0: forgotten.
    std::string key;
  };
  using Keys = std::unordered_map<std::string, std::deque<Waiting>>;

  std::size_t size_ = 0;
  std::uint64_t last_number_ = 0;
  Keys keys_;                     // By key: what waits; its first may leave, unless one of the key is on its way or was refused.
  std::deque<std::string> free_;  // Keys whose first may leave, in the order in which they became free.
  std::unordered_map<std::uint64_t, Sent> on_the_way_;
};

}  // namespace sluice
