// The published JSON Schema of the configuration, as in sluice.schema.json.
#pragma once

namespace sluice {

const char* ConfigSchema();

}  // namespace sluice
