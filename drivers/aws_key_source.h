// Where keys to AWS are fetched: the environment, a shared file, a container's endpoint (ECS, Greengrass), the IoT credentials provider, or
// the configuration itself.
//
// Without a choice in the configuration the environment, the shared file and the container are tried in this order.
//
// Loop thread. A shared file and a token file are small, and read on it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.h"
#include "drivers/aws_keys.h"
#include "drivers/http_client.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

class AwsKeySource {
 public:
  using Done = std::function<void(Result<AwsKeys>)>;

  /// `proxy`: on the way to the IoT credentials provider; a container's endpoint is always near.
  AwsKeySource(const AwsAuthConfig& auth, std::string proxy, Loop& loop);

  /// `done` runs once, possibly from within the call. One at a time. kUnavailable: there are none now, and why.
  void Fetch(Done done);

 private:
  void TryNext();
  void Take(Result<AwsKeys> keys);
  Result<AwsKeys> FromEnvironment() const;
  Result<AwsKeys> FromSharedFile() const;
  void AskContainer();
  void AskIot();
  void Ask(HttpRequest request, Result<AwsKeys> (*parse)(std::string_view json, WallTime now));

  const AwsAuthConfig auth_;
  const std::string proxy_;
  HttpClient http_;
  std::vector<AwsAuthType> untried_;  // The next one last.
  std::string reasons_;
  Done done_;
};

}  // namespace sluice
