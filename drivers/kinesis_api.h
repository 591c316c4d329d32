// Calls to Kinesis: keys, the time to sign with, signature, HTTP; and what the answer says.
//
// Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "drivers/aws_clock.h"
#include "drivers/aws_credentials.h"
#include "drivers/aws_key_source.h"
#include "drivers/http_client.h"
#include "drivers/kinesis_answer.h"
#include "gateway/endpoint.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

class KinesisApi {
 public:
  /// `sink`: name for the log. `seed`: of the jitter. kInvalid: the endpoint is no address.
  static Result<std::unique_ptr<KinesisApi>> Create(const std::string& sink, const KinesisSinkConfig& config, Loop& loop,
                                                    std::uint64_t seed);

  /// False before the first call, when keys end, and after AWS has refused them: then RenewKeys.
  bool HasKeys() const { return credentials_.Current() != nullptr; }
  /// `ready` runs once, never from within the call: there are keys, or why there are none.
  void RenewKeys(AwsCredentials::Ready ready) { credentials_.Renew(std::move(ready)); }

  /// One PutRecords call of a body with so many records. `done` runs once, never from within the call; not after CancelAll.
  /// REQUIRES: HasKeys.
  void PutRecords(std::string body, std::size_t records, std::function<void(const KinesisOutcome&)> done);
  /// Forgets the calls under way. They may still arrive.
  void CancelAll() { http_.CancelAll(); }

 private:
  KinesisApi(const std::string& sink, const KinesisSinkConfig& config, Endpoint endpoint, Loop& loop, std::uint64_t seed);
  HttpRequest MakeRequest(std::string body) const;
  KinesisOutcome Judge(const Result<HttpAnswer>& answer, std::size_t records);
  /// Keys that are no good, a clock that is wrong.
  void LearnFrom(const HttpAnswer& answer, const std::optional<KinesisFailure>& failure);

  const std::string sink_;
  const KinesisSinkConfig config_;
  const Endpoint endpoint_;
  AwsKeySource key_source_;
  AwsCredentials credentials_;
  AwsClock clock_;
  HttpClient http_;
};

}  // namespace sluice
