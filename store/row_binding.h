// How a row becomes the parameters of an INSERT.
#pragma once

#include <string>

#include "gateway/event.h"
#include "store/sqlite.h"

namespace sluice {

/// Parameters 1 to 6: seq, crc, destination, key, metadata, payload. They are valid as long as `row` and `metadata`, which is overwritten.
void BindRow(Statement& insert, const Row& row, std::string& metadata);

}  // namespace sluice
