// Which of the messages that a broker sends again after a disconnect are copies for sure.
//
// The proof. The client library does not tell packet identifiers, so messages are compared by content: all that a row has of them. For each
// content there is a number of messages that are *owed*: they were handed, so they are rows or will be, and no acknowledgement of theirs
// can have left.
//  1. A broker that resumes the session sends each of them again (MQTT 5, MQTT-4.4.0-1), with the DUP flag (MQTT-3.3.1-1). No more copies
//     are dropped than are owed: of each content there stay at least as many rows as there are messages, whichever of them came twice.
//  2. A topic's messages are sent again in the order in which they were sent first (MQTT-4.6.0-1 and -6): those that were handed before
//     those that got lost with the connection. So the copies dropped are of the former, and no message's first row changes its place.
// What else was sent before is kept, with its mark: it may be that its acknowledgement left and got lost.
//
// Invariants
//  1. An event is owed only while its handed count is above that of every byte that went to the broker: the `released` of OnEnded. An event
//     that was withdrawn from the inbox is not, unless it was a copy itself.
//  2. Nothing is owed once the broker has lost the session, or has sent a new message: it sends again what it must before that. So a debt
//     that it does not honour cannot be taken for another message later.
//  3. QoS 0 is never sent again; the library hides the DUP flag of QoS 2; a message that expires need not be sent again; of a refused one
//     there is no row. None of them is ever owed or dropped.
//  4. Contents are compared byte for byte, so memory bounds them: an event with more than 4 KiB of topic and payload is never owed; of a
//     connection the last `window` events are remembered, and 1 MiB.
//
// REQUIRES: the client id is used by nobody else, as MQTT demands.
//
// Threads: one at a time. In use, the client library's, which calls back; between two clients, the MQTT control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "gateway/event.h"

namespace sluice {

class Redelivery {
 public:
  /// `kept` of a connection none of whose events were withdrawn.
  static constexpr std::uint64_t kAll = UINT64_MAX;

  /// `window`: how many messages the broker may have without acknowledgement (Receive Maximum).
  explicit Redelivery(std::size_t window) : window_(window) {}

  /// A connection begins; before its first event. `resumes`: with the session of the connection before, by a broker bound to the rules
  /// above.
  void OnConnected(bool resumes);
  /// The connection's next event is about to be handed: all of them, in order. True: it is a copy, for sure.
  [[nodiscard]] bool OnEvent(const Event& event);
  /// The connection is over. No byte that went to the broker had a ticket above `released`. Of the events handed, the first `kept` are or
  /// will be durable; the others were withdrawn.
  void OnEnded(std::uint64_t released, std::uint64_t kept);

 private:
  struct Seen {
    std::string content;
    std::uint64_t count = 0;  // `handed` of the connection, this event included.
    bool is_copy = false;
  };

  Seen& Remember(const Event& event);
  bool Claim(const std::string& content);

  const std::size_t window_;
  std::multiset<std::string> owed_;  // Contents.
  // Of the present connection:
  bool resending_ = false;  // The broker has sent nothing new yet.
  std::uint64_t handed_ = 0;
  std::deque<Seen> seen_;       // The last ones that can be owed,
  std::size_t seen_bytes_ = 0;  // and their contents.
};

}  // namespace sluice
