// How the lanes of one sink share it: what each may have in flight, and what each may send under the sink's upload limit.
//
// Invariants
//  1. While several lanes wait, each gets the part of its weight, of the window in flight and of the limit alike; a lane that waits alone
//     gets all. By Little's law parts of the window are parts of the throughput, where no limit is set.
//  2. Each lane has a sink connection of its own, so no lane's rows stand in line behind another's: a higher class that was idle sends at
//     once, however much a lower one has in flight.
//  3. Over any stretch of time no more is sent than the limit allows for it, plus a quarter of a second's worth and one row.
//
// Pure: time is an argument. Algorithm of the limit: a token bucket for the sink and one for each lane; a lane sends while both have
// tokens, and may overdraw them by one row. The sink's holds the limit, the lanes' the parts: a lane that comes and goes uses what the
// others are given whole meanwhile, so theirs alone would let more through.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"

namespace sluice {

class UploadShare {
 public:
  /// What may be in flight.
  struct Window {
    std::size_t events;
    std::size_t bytes;
  };
  /// Of a sink. With more, draining got no faster against a Kafka nearby, and memory grew.
  static constexpr Window kLargest{4'000, 8u << 20};

  /// `window`: of the whole sink. It is exceeded, at most twofold, while a lane that begins to wait gets its part before the others have
  /// given theirs back.
  UploadShare(const Window& window, const UploadLimit& limit) : window_(window), limit_(limit) {}

  /// A lane joins; its number.
  std::size_t Add(double weight);
  /// Whether `lane` has rows to send. Those that have none leave their parts to the others.
  void SetWaiting(std::size_t lane, bool waiting, MonotonicTime now);

  Window WindowOf(std::size_t lane) const;
  bool HasLimit() const { return limit_.events_per_s > 0 || limit_.bytes_per_s > 0; }
  /// How long `lane` has to wait before it may send a row; 0: not at all.
  std::chrono::milliseconds DelayOf(std::size_t lane, MonotonicTime now);
  /// `lane` sends a row.
  void Spend(std::size_t lane, std::size_t bytes);

 private:
  /// Tokens; below 0: overdrawn.
  struct Bucket {
    double events = 0;
    double bytes = 0;
  };
  struct Lane {
    double weight;
    bool waiting = false;
    Bucket bucket = {};
  };

  /// The part of `lane` if it waits.
  double PartOf(const Lane& lane) const;
  void Accrue(MonotonicTime now);
  void Fill(Bucket& bucket, double part, double seconds) const;
  double DebtSeconds(const Bucket& bucket, double part) const;

  const Window window_;
  const UploadLimit limit_;
  Bucket bucket_;  // Of the sink.
  std::vector<Lane> lanes_;
  double all_weights_ = 0;
  MonotonicTime accrued_{};
};

}  // namespace sluice
