// The token with which a client of Amazon MSK shows who it is (IAM, over SASL/OAUTHBEARER). Source: Amazon's own signers for Kafka clients
// (aws-msk-iam-sasl-signer).
//
// It is a presigned request "kafka-cluster:Connect", in base64. Whoever has it can use it for 15 minutes.
//
// Pure.
#pragma once

#include <string>

#include "drivers/aws_keys.h"
#include "gateway/event.h"

namespace sluice {

struct MskToken {
  std::string text;  ///< Secret.
  WallTime expires;  ///< Unless the keys end before.
};

MskToken MakeMskToken(const std::string& region, const AwsKeys& keys, WallTime now);

}  // namespace sluice
