// An SQLite VFS over the default one whose writes and syncs fail when they are told to.
#pragma once

#include <string>

namespace sluice {

class FaultVfs {
 public:
  enum class Fault { kNone, kSyncFails, kWriteFails, kDiskFull };

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const char* name() const { return name_.c_str(); }
  /// After `passes` calls of the kind that go well, `count` calls fail; then all is well again.
  void Fail(Fault fault, int passes, int count);
  void Heal() { Fail(Fault::kNone, 0, 0); }

  int opens() const;     ///< Of database files.
  int syncs() const;     ///< That went well.
  int failures() const;  ///< Calls that were made to fail.

 private:
  const std::string name_;
};

}  // namespace sluice
