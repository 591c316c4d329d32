// The texts in which keys to AWS are handed out. Sources: AWS SDKs and tools reference guide; AWS IoT Core developer guide.
//
// Pure. No error says anything of what it read.
#pragma once

#include <string>
#include <string_view>

#include "drivers/aws_keys.h"
#include "gateway/event.h"
#include "gateway/result.h"

namespace sluice {

/// The answer of a container's endpoint: AccessKeyId, SecretAccessKey, Token, Expiration. `now`: the time at the other side.
Result<AwsKeys> ParseContainerKeys(std::string_view json, WallTime now);
/// The answer of the IoT credentials provider: credentials.{accessKeyId, secretAccessKey, sessionToken, expiration}.
Result<AwsKeys> ParseIotKeys(std::string_view json, WallTime now);
/// A profile of a shared credentials file.
Result<AwsKeys> ParseSharedKeys(std::string_view text, std::string_view profile);

}  // namespace sluice
