// Reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) item by item.
//
// Pure.
#pragma once

#include "gateway/binary_item.h"

namespace sluice {

BinaryItem NextMessagePackItem(ByteCursor& bytes);

}  // namespace sluice
