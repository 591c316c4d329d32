#include "drivers/kinesis_queue.h"

#include <utility>

#include "drivers/kinesis_request.h"

namespace sluice {

void KinesisQueue::Push(const std::string& key, const std::string& partition_key, KinesisRecord record) {
  const auto [it, is_new] = lines_.try_emplace(key);
  Line& line = it->second;
  line.records.push_back(std::move(record));
  if (!is_new) return;
  line.key = key;
  line.partition_key = partition_key;
  ready_.push_back(&line);
}

std::vector<KinesisQueue::Line*> KinesisQueue::TakeCall() {
  std::vector<Line*> call;
  std::deque<Line*> left;
  std::size_t bytes = 0;
  for (Line* line : ready_) {
    const bool same_stream = call.empty() || line->records.front().stream == call.front()->records.front().stream;
    const bool fits = call.empty() || (call.size() < kMaxCallRecords && bytes + line->FrontBytes() <= kMaxCallBytes);
    if (!same_stream || !fits) {
      left.push_back(line);
      continue;
    }
    bytes += line->FrontBytes();
    call.push_back(line);
  }
  ready_ = std::move(left);
  return call;
}

void KinesisQueue::Delivered(Line* line) {
  line->records.pop_front();
  if (line->records.empty()) {
    lines_.erase(lines_.find(line->key));
  } else {
    ready_.push_back(line);
  }
}

void KinesisQueue::Wake() {
  ready_.insert(ready_.begin(), waiting_.begin(), waiting_.end());
  waiting_.clear();
}

void KinesisQueue::Clear() {
  lines_.clear();
  ready_.clear();
  waiting_.clear();
}

}  // namespace sluice
