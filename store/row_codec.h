// A row of a lane as columns: what goes into the metadata blob and what the checksum covers. The format is in FORMAT.md.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/event.h"

namespace sluice {

/// Appends the metadata blob of `row` to `out`: all but seq, destination, key and payload.
void EncodeMetadata(const Row& row, std::string& out);
/// Fills the rest of `row`, whose seq is set. False if the blob is not one.
bool DecodeMetadata(std::string_view blob, Row& row);

/// What a row counts for in `pending_bytes` and `dead_letters_bytes`, in SQL; the same sum when it comes and when it goes.
inline constexpr const char* kRowBytes =
    "64 + length(CAST(destination AS BLOB)) + ifnull(length(key), 0) + length(metadata) + length(payload)";

/// CRC-32 (as in zlib) over seq and all columns, each with its length. `key` null and empty differ.
std::uint32_t RowChecksum(Seq seq, std::string_view destination, const std::string* key, std::string_view metadata,
                          std::string_view payload);

}  // namespace sluice
