// Reads CBOR (RFC 8949) item by item.
//
// Pure.
#pragma once

#include <deque>
#include <string>

#include "gateway/binary_item.h"

namespace sluice {

/// Tags are passed over. A text that comes in parts is put together in `joined`, and stays there.
BinaryItem NextCborItem(ByteCursor& bytes, std::deque<std::string>& joined);

}  // namespace sluice
