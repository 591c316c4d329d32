// The keys of a Kinesis sink, and of the access to AWS.
#pragma once

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

void ReadKinesis(ObjectReader& reader, KinesisSinkConfig& kinesis);

}  // namespace sluice
