// The next rows of a lane that are to be sent, in memory: a contiguous stretch of the lane that begins at the cursor.
//
// Invariants
//  1. No row of the lane lies between two neighbours in the buffer, nor between the last row taken and the front.
//  2. The buffer is *live* when it reaches the end of the lane. Only then do committed rows enter it from memory; all others are on disk
//     and are read back. So memory is bounded whatever the backlog, and a start reads nothing it does not send.
//
// Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "gateway/event.h"
#include "gateway/ports.h"

namespace sluice {

struct BufferedRow {
  Row row;               ///< Only `seq` is meaningful if damaged.
  bool damaged = false;  ///< Its checksum failed: never to be sent.
};

class LaneBuffer {
 public:
  /// `end`: seq of the lane's last row; `cursor`: everything up to it is taken or settled.
  LaneBuffer(Seq cursor, Seq end, std::size_t max_bytes);

  /// Rows that were just committed to the lane. Kept if the buffer is live and has room.
  void OnCommitted(std::vector<Row> rows);
  /// Rows read after ReadAfter(); ignored if the buffer was rewound since the read began.
  void OnRead(LaneRead read, Seq read_after);
  /// The lane goes on to `end` at least, on disk.
  void Extend(Seq end);
  /// Starts again behind `cursor`, from disk.
  void Rewind(Seq cursor);

  bool IsEmpty() const { return rows_.empty(); }
  const BufferedRow& Front() const { return rows_.front(); }
  BufferedRow TakeFront();

  /// The lane goes on behind the buffer, on disk.
  bool IsLive() const { return through_ >= end_; }
  bool WantsRead() const { return !IsLive() && bytes_ < max_bytes_ / 2; }
  Seq ReadAfter() const { return through_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void Append(BufferedRow row);

  const std::size_t max_bytes_;
  std::deque<BufferedRow> rows_;
  std::size_t bytes_ = 0;
  Seq through_;  // The buffer holds all rows up to here that are not taken.
  Seq end_;
};

}  // namespace sluice
