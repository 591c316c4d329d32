// Tokens for Amazon MSK, made of keys that are fetched anew before they end and when the brokers refused them.
//
// Invariants
//  1. Each Ask is answered by a token, sooner or later; while there are no keys they are asked for again and again
//  (drivers/aws_credentials.h).
//  2. A token is not said to be good for longer than its keys.
//
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "drivers/aws_credentials.h"
#include "drivers/msk_token.h"
#include "gateway/ports.h"

namespace sluice {

class MskLogin {
 public:
  struct Listener {
    std::function<void(const MskToken&)> on_token;
    /// There are no keys, and why. The asking goes on.
    std::function<void(const std::string& reason)> on_no_keys;
  };

  /// `seed`: of the jitter.
  MskLogin(std::string region, AwsCredentials::Fetch fetch, Clock& clock, std::uint64_t seed, Listener listener);

  /// The answer may come from within the call; one answer serves all that asked meanwhile.
  void Ask();
  /// The brokers do not accept the latest token: another one, of keys fetched anew. At most one in half a minute, since it may as well be
  /// the role that lacks the right.
  void OnRefused();

 private:
  void Renew();
  MskToken MakeToken() const;

  const std::string region_;
  Clock& clock_;
  const Listener listener_;
  AwsCredentials credentials_;
  bool renewing_ = false;
  MonotonicTime bear_until_{};  // Before this, refusals do not cost the keys.
};

}  // namespace sluice
