// The keys that every access to AWS has: the region, and where the credentials come from.
#pragma once

#include <string>

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

void ReadAwsRegion(ObjectReader& reader, std::string& region);
void ReadAwsAuth(ObjectReader& auth, AwsAuthConfig& config);

}  // namespace sluice
