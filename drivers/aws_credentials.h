// The keys to AWS at hand, fetched anew before they expire or when they were refused.
//
// Invariants
//  1. One fetch at a time; all who wait share its outcome.
//  2. After a failed fetch the next one waits, longer each time. As long as the old keys have not expired they serve meanwhile.
//
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "drivers/aws_keys.h"
#include "gateway/backoff.h"
#include "gateway/ports.h"
#include "gateway/result.h"

namespace sluice {

class AwsCredentials {
 public:
  using Fetch = std::function<void(std::function<void(Result<AwsKeys>)> done)>;
  using Ready = std::function<void(Result<void>)>;

  /// `fetch` may call back from within its call. `seed`: of the jitter.
  AwsCredentials(Fetch fetch, Clock& clock, std::uint64_t seed);

  /// Keys that are good to use now, or null: then call Renew. Valid until the next call of Renew or Refuse.
  const AwsKeys* Current() const;
  /// When the keys end. REQUIRES: Current() is not null.
  MonotonicTime good_until() const { return good_until_; }
  /// `ready` runs once, never from within the call: Current has keys, or why it has none.
  void Renew(Ready ready);
  /// AWS says that the keys are no good: they are not used again.
  void Refuse() { keys_.reset(); }

 private:
  void OnFetched(Result<AwsKeys> keys);

  const Fetch fetch_;
  Clock& clock_;
  const std::unique_ptr<Timer> fetch_timer_;
  Backoff backoff_;
  bool fetching_ = false;
  std::vector<Ready> waiting_;
  MonotonicTime retry_at_{};  // Before this there is no new fetch.

  std::optional<AwsKeys> keys_;
  MonotonicTime fresh_until_ = MonotonicTime::max();
  MonotonicTime good_until_ = MonotonicTime::max();
};

}  // namespace sluice
