// The texts of a PutRecords call. Source: Amazon Kinesis Data Streams API reference, PutRecords.
//
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// What Kinesis allows. A call may have 5 MiB; but a shard takes 1 MiB a second, and what a slow link has to carry again after a failure is
// to be little, so that a call gathers no more than that.
constexpr std::size_t kMaxRecordBytes = 1u << 20;  // Data and partition key.
constexpr std::size_t kMaxCallBytes = 1u << 20;
constexpr std::size_t kMaxCallRecords = 500;

/// The partition key of a row's key: the key itself; where Kinesis would not have it (empty, over 256 characters, not UTF-8), the SHA-256
/// of it in hex.
std::string PartitionKeyOf(const std::string& key);

/// The body of a call, grown record by record.
class PutRecordsBody {
 public:
  /// `data_bytes`: of all records together, or about; spares copies.
  explicit PutRecordsBody(std::size_t data_bytes);
  void Add(std::string_view data, std::string_view partition_key);
  std::string Finish(std::string_view stream);

 private:
  std::string text_;
};

}  // namespace sluice
