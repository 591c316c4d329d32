// A file of lines that is rotated by size: `path`, then `path.1` (the newest rotated one), `path.2`, ...
//
// Thread: one at a time; calls block on the disk.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

class LineFile {
 public:
  explicit LineFile(const FileSinkConfig& config) : config_(config) {}
  ~LineFile();

  /// Appends complete lines and makes them durable. On an error the file holds none of them, or gets rid of them before the next ones.
  Result<void> Append(std::string_view lines);

 private:
  Result<void> Open();
  bool IsInPlace() const;
  Result<void> CutTornLine();
  Result<void> Rotate();
  Result<void> Failure(const std::string& what);

  const FileSinkConfig config_;
  int fd_ = -1;
  off_t size_ = 0;
};

}  // namespace sluice
