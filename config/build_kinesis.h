// The keys of a Kinesis sink.
#pragma once

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

void ReadKinesis(ObjectReader& reader, KinesisSinkConfig& kinesis);

}  // namespace sluice
