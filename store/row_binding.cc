#include "store/row_binding.h"

#include "store/row_codec.h"

namespace sluice {

void BindRow(Statement& insert, const Row& row, std::string& metadata) {
  metadata.clear();
  EncodeMetadata(row, metadata);
  const std::string* key = row.key ? &*row.key : nullptr;
  insert.BindInt(1, static_cast<std::int64_t>(row.seq));
  insert.BindInt(2, RowChecksum(row.seq, row.destination, key, metadata, row.event.payload));
  insert.BindText(3, row.destination);
  key != nullptr ? insert.BindBlob(4, *key) : insert.BindNull(4);
  insert.BindBlob(5, metadata);
  insert.BindBlob(6, row.event.payload);
}

}  // namespace sluice
