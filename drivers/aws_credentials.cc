#include "drivers/aws_credentials.h"

#include <algorithm>
#include <utility>

#include "gateway/log.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kRetryMin{500};
constexpr milliseconds kRetryMax{60'000};

// How long before the end new keys are fetched. AWS' own tools take 5 minutes; keys may live for less than that.
seconds MarginOf(seconds lifetime) {
  return std::min(seconds(300), lifetime / 4);
}

}  // namespace

AwsCredentials::AwsCredentials(Fetch fetch, Clock& clock, std::uint64_t seed)
    : fetch_(std::move(fetch)),
      clock_(clock),
      fetch_timer_(clock.NewTimer([this] { fetch_([this](Result<AwsKeys> keys) { OnFetched(std::move(keys)); }); })),
      backoff_(kRetryMin, kRetryMax, seed) {}

const AwsKeys* AwsCredentials::Current() const {
  if (!keys_) return nullptr;
  const MonotonicTime now = clock_.Now();
  const bool use_old = now < retry_at_ && now < good_until_;
  return now < fresh_until_ || use_old ? &*keys_ : nullptr;
}

void AwsCredentials::Renew(Ready ready) {
  waiting_.push_back(std::move(ready));
  if (fetching_) return;
  fetching_ = true;
  const auto wait = std::chrono::ceil<milliseconds>(retry_at_ - clock_.Now());
  fetch_timer_->Start(std::max(wait, milliseconds(0)));
}

void AwsCredentials::OnFetched(Result<AwsKeys> keys) {
  fetching_ = false;
  const MonotonicTime now = clock_.Now();
  Result<void> outcome;
  if (keys) {
    fresh_until_ = keys->lifetime ? now + *keys->lifetime - MarginOf(*keys->lifetime) : MonotonicTime::max();
    good_until_ = keys->lifetime ? now + *keys->lifetime : MonotonicTime::max();
    keys_ = std::move(*keys);
    backoff_.Reset();
  } else {
    retry_at_ = now + backoff_.Next();
    if (Current() == nullptr) outcome = tl::unexpected<Error>(keys.error());
    Log(LogLevel::kWarning, "aws", "no new keys", {{"reason", keys.error().message}, {"old", outcome ? "still good" : "none"}});
  }
  for (Ready& ready : std::exchange(waiting_, {})) ready(outcome);
}

}  // namespace sluice
