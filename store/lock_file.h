// The lock that keeps a second process off an outbox: a file of its own beside the database, locked for the life of the process.
// (SQLite's own locks do not do: they can be taken by an operator's shell in between.)
#pragma once

#include <string>

#include "gateway/result.h"

namespace sluice {

class LockFile {
 public:
  /// kLocked names the process that holds it.
  static Result<LockFile> Acquire(const std::string& path);
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace sluice
