// The configuration that was applied last, kept where the daemon keeps its state: if what stands in /etc is broken at a start (half
// written when the power failed, say), a box that nobody can visit goes on with this one.
//
// The file holds the texts of all files, references to secrets unresolved, in JSON: {"files": [{"part", "name", "text"}]}. It is replaced
// as a whole (written beside it, fsynced, renamed) and is readable for its user only.
//
// Any thread; blocks on the disk.
#pragma once

#include <optional>
#include <string>

#include "config/load.h"
#include "gateway/result.h"

namespace sluice {

class LastGood {
 public:
  /// `directory`: of the state; it is there.
  explicit LastGood(const std::string& directory) : path_(directory + "/last-good-config.json") {}

  const std::string& path() const { return path_; }
  /// Nothing if there is none, or none that can be read.
  std::optional<ConfigFiles> Read() const;
  /// Leaves the disk alone if it is there already. kUnavailable: it could not be kept; the one before is there as it was.
  Result<void> Keep(const ConfigFiles& files) const;

 private:
  const std::string path_;
};

}  // namespace sluice
