// The ledger: named counters in the database, written in the transactions that change what they count. All of them share one small table,
// so that a transaction writes one page for them.
//
// Names: `last_seq`, `commits`, `source/<name>/<what>`, `lane/<id>/<what>`; what each counts is in FORMAT.md.
//
// Store thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "gateway/event.h"
#include "gateway/result.h"
#include "store/sqlite.h"

namespace sluice {

/// "lane/<id>/<what>"
std::string LaneCounter(LaneId lane, const char* what);

class Ledger {
 public:
  /// Reads all counters.
  static Result<Ledger> Load(Sqlite& database);

  std::int64_t Get(const std::string& name) const;
  void Set(const std::string& name, std::int64_t value);
  /// The value that the file ought to have: no change of a transaction, written with the next change of it.
  void Assume(const std::string& name, std::int64_t value) { values_[name] = value; }
  void Add(const std::string& name, std::int64_t amount) { Set(name, Get(name) + amount); }

  /// Writes what changed into the open transaction. Only after its success: Keep; else Forget.
  Result<void> Write();
  void Keep() { changed_.clear(); }
  void Forget();

  std::map<std::string, std::int64_t> All() const;

 private:
  explicit Ledger(Statement write) : write_(std::move(write)) {}

  Statement write_;
  std::map<std::string, std::int64_t> values_;
  std::map<std::string, std::int64_t> changed_;  // Value before the transaction.
};

}  // namespace sluice
