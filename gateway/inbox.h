// The inbox: where foreign threads hand over events, and where it is counted how many of a connection's events were handed and how many are
// done.
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
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/event.h"

namespace sluice {

/// One connection of one source; never reused within a process.
using ConnectionId = std::uint64_t;

/// An event on its way from a source to the router.
struct Handed {
  ConnectionId connection = 0;
  const std::string* source = nullptr;  ///< Name of the source.
  std::size_t bytes = 0;                ///< What it counts against the inbox's limit until it is done.
  Event event;
};

class Inbox {
 public:
  struct Limits {
    std::size_t max_events;  ///< The inbox is full while more events than this, or
    std::size_t max_bytes;   ///< more bytes than this, are not done.
    std::size_t cut_events;  ///< So many waiting events, or
    std::size_t cut_bytes;   ///< so many waiting bytes, call for a commit before its time.
  };

  /// `wake` is called by the foreign thread whose Push found the inbox empty or crossed a cut limit: twice a batch, not once an event.
  Inbox(const Limits& limits, std::function<void()> wake);

  /// Which events call for a commit at once. Called by the foreign threads; before the first Push.
  void SetUrgent(std::function<bool(const Event&)> is_urgent) { is_urgent_ = std::move(is_urgent); }

  /// A new connection of `source` (which must outlive the inbox), with nothing handed.
  ConnectionId OpenConnection(const std::string& source);
  /// Its events that still wait leave uncounted; what is pushed or done for it from now on is ignored. Returns how many of its events were
  /// taken before: these become durable.
  std::uint64_t CloseConnection(ConnectionId connection);
  /// Its client is gone: nothing more will be pushed. Its events stay and become durable; it is forgotten when they are.
  void RetireConnection(ConnectionId connection);

  /// Foreign threads. Never blocks on anything but the mutex, never refuses: back-pressure is IsFull.
  void Push(ConnectionId connection, Event event);

  bool IsEmpty() const;
  /// A cut limit is reached, by what waits and what was taken and is not cut yet.
  bool IsCutDue(std::size_t taken_events = 0, std::size_t taken_bytes = 0) const;
  /// Something waits that Take has left, for the next one.
  bool HasRest() const;
  /// An urgent event waits.
  bool HasUrgent() const;
  /// What waits, in order of arrival: all, or as much as makes `max_bytes`; the rest is due for the next cut.
  std::vector<Handed> Take(std::size_t max_bytes = SIZE_MAX);
  /// The next `events` events of `connection`, `bytes` in all, have a durable outcome.
  void MarkDone(ConnectionId connection, std::uint64_t events, std::size_t bytes);

  /// How many events were handed on `connection` so far: the ticket of bytes that were read from its peer *before* this call.
  std::uint64_t HandedCount(ConnectionId connection) const;
  std::uint64_t DoneCount(ConnectionId connection) const;

  /// While true, no source reads from its broker. Full at a limit, free again at half of it.
  bool IsFull();

 private:
  struct Connection {
    const std::string* source = nullptr;
    std::uint64_t handed = 0;
    std::uint64_t done = 0;
    bool retired = false;
  };

  bool CutDue(std::size_t taken_events, std::size_t taken_bytes) const;  // REQUIRES: mutex_ held.

  const Limits limits_;
  const std::function<void()> wake_;
  std::function<bool(const Event&)> is_urgent_;
  ConnectionId last_connection_ = 0;
  bool full_ = false;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<Handed> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool urgent_waits_ = false;
  bool rest_waits_ = false;  // What waits has waited once already.
  std::unordered_map<ConnectionId, Connection> connections_;
  std::size_t undone_events_ = 0;
  std::size_t undone_bytes_ = 0;
};

}  // namespace sluice
