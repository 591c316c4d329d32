// The rows that wait for Kinesis, a line for each key.
//
// Invariants
//  1. Of each line at most the front row is under way. PutRecords gives no order among the records of a call, and one that is refused does
//  not
//     stop those behind it; so a call has one record of a key, and the next goes out when that one is delivered.
//  2. A call is for one stream, within the limits of drivers/kinesis_request.h. Lines are taken in the order in which they became ready,
//  those
//     that had to wait first.
//
// Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/event.h"

namespace sluice {

struct KinesisRecord {
  Seq seq = 0;
  std::string stream;
  std::string data;
};

class KinesisQueue {
 public:
  /// The rows of a key that are not delivered yet, oldest first; never empty while it is in the queue.
  struct Line {
    std::string key;
    std::string partition_key;
    std::deque<KinesisRecord> records;
    std::size_t FrontBytes() const { return records.front().data.size() + partition_key.size(); }
  };

  /// `partition_key`: of this key.
  void Push(const std::string& key, const std::string& partition_key, KinesisRecord record);
  /// Lines whose front rows are for one call, and are under way from now on. Empty if none is ready. The lines stay where they are until
  /// Delivered or Clear.
  std::vector<Line*> TakeCall();
  /// The front row is done with.
  void Delivered(Line* line);
  /// The front row has to be sent again, after Wake.
  void Wait(Line* line) { waiting_.push_back(line); }
  void Wake();
  void Clear();

  bool HasReady() const { return !ready_.empty(); }
  bool HasWaiting() const { return !waiting_.empty(); }

 private:
  std::unordered_map<std::string, Line> lines_;
  std::deque<Line*> ready_;
  std::vector<Line*> waiting_;
};

}  // namespace sluice
