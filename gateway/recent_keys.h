// A table by key that holds a bounded number of entries: for a new one the entry that was used least recently goes, one that is marked as
// idle before any other.
//
// Entries have numbers that stay as long as they are there, and stand in chunks, so that a large table never moves. Found by open
// addressing: 8 to 16 bytes a key beyond the entry.
//
// Pure. Thread: one at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

template <typename T>
class RecentKeys {
 public:
  using Number = std::uint32_t;
  static constexpr Number kNone = UINT32_MAX;

  explicit RecentKeys(std::size_t max_keys) : max_keys_(max_keys) {}

  /// kNone: it is not there.
  Number Find(std::string_view key) const {
    if (slots_.empty()) return kNone;
    const std::uint32_t hash = HashOf(key);
    for (std::size_t slot = hash & Mask(); slots_[slot] != kNone; slot = (slot + 1) & Mask()) {
      const Entry& entry = entries_[slots_[slot]];
      if (entry.hash == hash && entry.key == key) return slots_[slot];
    }
    return kNone;
  }
  bool IsFull() const { return size_ >= max_keys_; }
  /// The entry that has to go for a new one. REQUIRES: there is one.
  Number Oldest() const { return lists_[0].first != kNone ? lists_[0].first : lists_[1].first; }
  /// REQUIRES: the key is not there.
  Number Insert(std::string_view key) {
    if (2 * (size_ + 1) > slots_.size()) Grow();
    const Number number = NewNumber();
    Entry& entry = entries_[number];
    entry.key = key;
    entry.hash = HashOf(key);
    entry.is_there = true;
    entry.is_active = false;
    Place(number);
    Append(number);
    ++size_;
    return number;
  }
  void Erase(Number number) {
    Unlink(number);
    Displace(number);
    entries_[number] = Entry();
    free_.push_back(number);
    --size_;
  }
  /// It was used now. Active entries go last.
  void Touch(Number number, bool is_active) {
    Unlink(number);
    entries_[number].is_active = is_active;
    Append(number);
  }

  T& operator[](Number number) { return entries_[number].value; }
  const T& operator[](Number number) const { return entries_[number].value; }
  const std::string& KeyOf(Number number) const { return entries_[number].key; }
  bool IsThere(Number number) const { return number < entries_.size() && entries_[number].is_there; }
  std::size_t size() const { return size_; }
  /// All numbers are below this.
  Number end() const { return static_cast<Number>(entries_.size()); }

 private:
  struct Entry {
    std::string key;
    T value{};
    Number before = kNone;
    Number after = kNone;
    std::uint32_t hash = 0;
    bool is_there = false;
    bool is_active = false;
  };
  struct List {
    Number first = kNone;
    Number last = kNone;
  };

  static std::uint32_t HashOf(std::string_view key) { return static_cast<std::uint32_t>(std::hash<std::string_view>()(key)); }
  std::size_t Mask() const { return slots_.size() - 1; }

  void Grow() {
    slots_.assign(std::max<std::size_t>(8, 2 * slots_.size()), kNone);
    for (Number number = 0; number < entries_.size(); ++number) {
      if (entries_[number].is_there) Place(number);
    }
  }
  void Place(Number number) {
    std::size_t slot = entries_[number].hash & Mask();
    while (slots_[slot] != kNone) slot = (slot + 1) & Mask();
    slots_[slot] = number;
  }
  // What stands behind it because its own place was taken moves up.
  void Displace(Number number) {
    std::size_t hole = entries_[number].hash & Mask();
    while (slots_[hole] != number) hole = (hole + 1) & Mask();
    for (std::size_t slot = (hole + 1) & Mask(); slots_[slot] != kNone; slot = (slot + 1) & Mask()) {
      const std::size_t home = entries_[slots_[slot]].hash & Mask();
      if (((slot - home) & Mask()) < ((slot - hole) & Mask())) continue;
      slots_[hole] = slots_[slot];
      hole = slot;
    }
    slots_[hole] = kNone;
  }

  Number NewNumber() {
    if (free_.empty()) {
      entries_.emplace_back();
      return static_cast<Number>(entries_.size() - 1);
    }
    const Number number = free_.back();
    free_.pop_back();
    return number;
  }
  List& ListOf(const Entry& entry) { return lists_[entry.is_active ? 1 : 0]; }
  void Append(Number number) {
    Entry& entry = entries_[number];
    List& list = ListOf(entry);
    entry.before = list.last;
    entry.after = kNone;
    (list.last == kNone ? list.first : entries_[list.last].after) = number;
    list.last = number;
  }
  void Unlink(Number number) {
    Entry& entry = entries_[number];
    List& list = ListOf(entry);
    (entry.before == kNone ? list.first : entries_[entry.before].after) = entry.after;
    (entry.after == kNone ? list.last : entries_[entry.after].before) = entry.before;
  }

  std::size_t max_keys_;
  std::size_t size_ = 0;
  std::deque<Entry> entries_;
  std::vector<Number> free_;
  std::vector<Number> slots_;    // A power of two of them; at most half are taken.
  std::array<List, 2> lists_{};  // Idle, active; least recently used first.
};

}  // namespace sluice
