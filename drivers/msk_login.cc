#include "drivers/msk_login.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice {
namespace {

constexpr std::chrono::seconds kBear{30};

}  // namespace

MskLogin::MskLogin(std::string region, AwsCredentials::Fetch fetch, Clock& clock, std::uint64_t seed, Listener listener)
    : region_(std::move(region)), clock_(clock), listener_(std::move(listener)), credentials_(std::move(fetch), clock, seed) {}

void MskLogin::Ask() {
  if (credentials_.Current() != nullptr) return listener_.on_token(MakeToken());
  if (!std::exchange(renewing_, true)) Renew();
}

void MskLogin::Renew() {
  credentials_.Renew([this](const Result<void>& outcome) {
    if (!outcome) {
      listener_.on_no_keys(outcome.error().message);
      return Renew();
    }
    renewing_ = false;
    Ask();
  });
}

void MskLogin::OnRefused() {
  const MonotonicTime now = clock_.Now();
  if (renewing_ || now < bear_until_) return;
  bear_until_ = now + kBear;
  credentials_.Refuse();
  Ask();
}

MskToken MskLogin::MakeToken() const {
  const WallTime now = std::chrono::system_clock::now();
  MskToken token = MakeMskToken(region_, *credentials_.Current(), now);
  const auto left = credentials_.good_until() - clock_.Now();
  if (left < token.expires - now) token.expires = now + left;
  return token;
}

}  // namespace sluice
