// The rules of tests/e2e/powercut_test.py (Alerts), worked out by hand over what a power cut has left.
//
// What must hold
//  1. The alerts of "High" that are left are the very ones that the events that are left give, each with its cause.
//  2. Of each key of each rule an alert that fires and one that is over take turns.
//  3. There is a record that a key fires if, and only if, its last alert does.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "gateway/ports.h"

namespace sluice {

/// One event, of a sensor or of the gateway itself.
struct Told {
  std::string topic;
  std::uint64_t number = 0;  ///< Of a sensor's event.
  std::string line;          ///< Of an alert: its key,
  bool is_firing = false;    ///< what it says, and
  std::string cause;         ///< the id of the event that caused it; empty: time did.
};

/// Of the file sink. The same ones are read over and over, cut after cut.
class ToldLines {
 public:
  /// Null: the line is not whole.
  const std::pair<Seq, Told>* Read(const std::string& line);

 private:
  std::unordered_map<std::string, std::pair<Seq, Told>> known_;
};

class Alerts {
 public:
  /// `line`: a whole one of the file sink.
  void AddLine(const std::string& line, ToldLines& lines);
  void AddRow(const Row& row);
  void AddRecord(const RuleRecord& record);
  /// How many alerts there are.
  std::size_t Count() const;
  /// What does not hold; empty: all does.
  std::string Check() const;

 private:
  std::map<Seq, Told> told_;                                // Rows and lines, each event once.
  std::set<std::pair<std::string, std::string>> recorded_;  // Rule and key of what fires.
};

}  // namespace sluice
