// A disk that may lose power: it knows what is certainly on it, and what a power cut may drop, tear or reorder.
//
// Model
//  1. A synced file is on the disk as it was. Of what was written since, each sector of 512 bytes is there in any of its versions,
//     independently of all others; a change of size is there or not.
//  2. Names (create, rename, unlink) reach the disk in order; those since the directory was synced last may be missing from some point on.
//     A file whose name did not make it is not there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/powercut/operations.h"

namespace sluice {

class Disk {
 public:
  enum class Cut {
    kNothing,  ///< Nothing unsynced survives.
    kAll,      ///< Everything survives, as after a kill -9.
    kRandom,   ///< Chance decides, sector by sector.
  };

  void Apply(const Operation& operation);
  /// The files as a power cut now would leave them.
  std::map<std::string, std::string> After(Cut cut, std::mt19937_64& random) const;

 private:
  struct File {
    std::string durable;
    std::string now;
    std::vector<Operation> pending;  // Writes and changes of size since the last sync.
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;

  static void Change(std::string& content, const Operation& operation);
  static void Rename(Names& names, const Operation& operation, const std::shared_ptr<File>& made);
  static std::string Survivor(const File& file, Cut cut, std::mt19937_64& random);

  struct NameChange {
    Operation operation;
    std::shared_ptr<File> made;
  };
  Names now_;
  Names durable_;
  std::vector<NameChange> pending_;
};

}  // namespace sluice
