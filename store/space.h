// Room on disk: how `max_bytes` is divided, and the ballast file that can be given up when the disk is full.
//
// On a full disk SQLite can not even delete, because a transaction needs room in the WAL. The ballast is that room.
#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"

namespace sluice {

/// Division of `outbox.max_bytes`.
struct SpacePlan {
  Bytes ballast = 0;
  Bytes wal = 0;          ///< The WAL, at most.
  Bytes transaction = 0;  ///< One transaction, at most: what it may add to the WAL.
  Bytes checkpoint = 0;   ///< A checkpoint is due when the WAL is this long, so that one more transaction fits.
  Bytes database = 0;     ///< Hard bound on the database file.
  Bytes intake = 0;       ///< Pages in use beyond which no more rows are let in: the rest is for settling, dead letters, counters, and rows
  Bytes reserved = 0;     ///< of the gateway itself and of classes that are kept, up to this.
};
SpacePlan DivideSpace(Bytes max_bytes);

class Ballast {
 public:
  Ballast(std::string path, Bytes size) : path_(std::move(path)), size_(size) {}

  /// Makes the file if it is missing and the file system has `min_free` beyond it.
  void Fill(Bytes min_free);
  bool IsThere() const;
  /// True if there was something to give up.
  bool Drop();

 private:
  std::string path_;
  Bytes size_;
};

/// Bytes that this process may still write on the file system of `path`; the maximum if that is unknown.
Bytes FreeBytes(const std::string& path);

}  // namespace sluice
