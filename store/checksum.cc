#include "store/checksum.h"

#include <zlib.h>

namespace sluice {

void Checksum::AddFixed(std::string_view bytes) {
  if (bytes.empty()) return;  // Their address may be null, for which zlib starts anew.
  crc_ = static_cast<std::uint32_t>(crc32_z(crc_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void Checksum::Add(std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(size >> (8 * i));
  AddFixed({length, sizeof length});
  AddFixed(bytes);
}

}  // namespace sluice
