// The inbox: where foreign threads hand over events, and where it is counted how many of a connection's events were handed and how many are done.
//
// Invariants
//  1. `handed` of a connection grows in the same critical section in which the event enters the inbox.
//  2. `done` of a connection grows in the order in which its events entered, once an event's whole outcome is durable. QoS 0 counts too.
//  3. Hence: when done >= a value of `handed` read earlier, every event handed before that reading is durable.
//
// Threads: Push is called by foreign threads; everything else on the loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "gateway/event.h"

namespace sluice {

/// One connection of one source; never reused within a process.
using ConnectionId = std::uint64_t;

struct Handed {
  ConnectionId connection = 0;
  const std::string* source = nullptr;  ///< Name of the source; lives as long as the process.
  Event event;
};

class Inbox {
 public:
  /// `wake` is called from Push when the inbox was empty; any thread. The inbox is full while events not yet done exceed either limit.
  Inbox(std::size_t max_events, std::size_t max_bytes, std::function<void()> wake);

  /// Loop thread. A new connection of `source` (which must outlive the inbox), with nothing handed.
  ConnectionId OpenConnection(const std::string& source);
  /// Loop thread. Its events that are still in the inbox leave it uncounted; Push for it does nothing from now on. `done` for it is ignored.
  void CloseConnection(ConnectionId connection);

  /// Foreign threads. Never blocks, never refuses: the caller's back-pressure is IsFull.
  void Push(ConnectionId connection, Event event);

  /// Everything that waits, in order of arrival.
  std::vector<Handed> Take();
  /// These many more events of `connection`, the next ones in its order, have a durable outcome.
  void MarkDone(ConnectionId connection, std::uint64_t events, std::size_t bytes);

  /// How many events were handed on `connection` so far: the ticket of bytes read from its peer *before* this call.
  std::uint64_t HandedCount(ConnectionId connection);
  std::uint64_t DoneCount(ConnectionId connection) const;
  bool IsOpen(ConnectionId connection) const;

  /// While true, no source reads from its broker. Has hysteresis: full at a limit, free again at half of it.
  bool IsFull();

 private:
  struct Connection;
  // See inbox.cc.
};

}  // namespace sluice
