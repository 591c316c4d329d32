// A file of lines that is rotated by size: `path`, then `path.1` (the newest rotated one), `path.2`, ...
//
// Several LineFiles may write to one path, in one process or in several: the lanes of a sink, an old and a new daemon.
//
// Invariants
//  1. Lines are written, a torn line is cut and files are renamed only under an exclusive flock on the file that bears the name then.
//  2. The lines of a call stand together and whole; those of one LineFile in the order of its calls, from the oldest file to the newest.
//
// The lock is held for the write, not for the fsync. If a foreign process holds it (an operator's `flock FILE cp ...`), a call waits for 1
// s at most, then fails with kLocked and has written nothing.
//
// Thread: one at a time; calls block on the disk and for the lock.
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

  /// Appends complete lines and makes them durable. After an error the file holds none of them, or all of them but perhaps not durably, or
  /// a torn part that is cut before the next ones.
  Result<void> Append(std::string_view lines);

 private:
  Result<void> Lock();
  Result<void> Open();
  bool IsInPlace() const;
  Result<void> Measure();
  Result<void> CutTornLine();
  Result<void> Write(std::string_view lines);
  Result<void> Rotate();
  void Close();
  Result<void> Failure(const std::string& what);

  const FileSinkConfig config_;
  int fd_ = -1;
  off_t size_ = 0;  // As measured under the lock; outside it others may append.
};

}  // namespace sluice
