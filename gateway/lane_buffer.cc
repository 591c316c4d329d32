#include "gateway/lane_buffer.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

BufferedRow Damaged(Seq seq) {
  BufferedRow buffered;
  buffered.row.seq = seq;
  buffered.damaged = true;
  return buffered;
}

}  // namespace

LaneBuffer::LaneBuffer(Seq cursor, Seq end, std::size_t max_bytes) : max_bytes_(max_bytes), through_(cursor), end_(end) {}

void LaneBuffer::OnCommitted(std::vector<Row> rows) {
  if (rows.empty()) return;
  const bool keep = IsLive() && bytes_ < max_bytes_;
  end_ = std::max(end_, rows.back().seq);
  if (!keep) return;
  // Those of a commit whose outcome was unknown may have been read before it was known.
  for (Row& row : rows) {
    if (row.seq > through_) Append({std::move(row), false});
  }
}

void LaneBuffer::OnRead(LaneRead read, Seq read_after) {
  if (read_after != through_) return;
  // Two ascending lists; the damaged ones keep their place, so that the lane's order of settling holds for them too.
  auto damaged = read.damaged.begin();
  for (Row& row : read.rows) {
    for (; damaged != read.damaged.end() && *damaged < row.seq; ++damaged) Append(Damaged(*damaged));
    Append({std::move(row), false});
  }
  for (; damaged != read.damaged.end(); ++damaged) Append(Damaged(*damaged));
  // What was deleted by hand cannot be read: without this the lane would ask for it for ever.
  if (read.end && read.rows.empty() && read.damaged.empty()) through_ = std::max(through_, end_);
}

void LaneBuffer::Extend(Seq end) {
  end_ = std::max(end_, end);
}

void LaneBuffer::Rewind(Seq cursor) {
  rows_.clear();
  bytes_ = 0;
  through_ = cursor;
}

BufferedRow LaneBuffer::TakeFront() {
  BufferedRow front = std::move(rows_.front());
  bytes_ -= Footprint(front.row);
  rows_.pop_front();
  return front;
}

void LaneBuffer::Append(BufferedRow row) {
  through_ = row.row.seq;
  bytes_ += Footprint(row.row);
  rows_.push_back(std::move(row));
}

}  // namespace sluice
