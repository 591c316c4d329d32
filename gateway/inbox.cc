#include "gateway/inbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice {
namespace {

std::size_t MemoryOf(const Event& event) {
  std::size_t bytes = sizeof(Handed) + event.topic.size() + event.payload.size() + event.content_type.size();
  for (const Property& p : event.properties) bytes += sizeof(Property) + p.name.size() + p.value.size();
  return bytes;
}

}  // namespace

Inbox::Inbox(const Limits& limits, std::function<void()> wake) : limits_(limits), wake_(std::move(wake)) {}

ConnectionId Inbox::OpenConnection(const std::string& source) {
  std::lock_guard lock(mutex_);
  connections_[++last_connection_].source = &source;
  return last_connection_;
}

std::uint64_t Inbox::CloseConnection(ConnectionId connection) {
  std::lock_guard lock(mutex_);
  const auto it = connections_.find(connection);
  if (it == connections_.end()) return 0;
  const std::uint64_t handed = it->second.handed;
  connections_.erase(it);
  auto gone = std::stable_partition(waiting_.begin(), waiting_.end(), [&](const Handed& h) { return h.connection != connection; });
  for (auto left = gone; left != waiting_.end(); ++left) {
    undone_bytes_ -= left->bytes;
    waiting_bytes_ -= left->bytes;
  }
  const auto withdrawn = static_cast<std::size_t>(waiting_.end() - gone);
  undone_events_ -= withdrawn;
  waiting_.erase(gone, waiting_.end());
  return handed - withdrawn;
}

void Inbox::RetireConnection(ConnectionId connection) {
  std::lock_guard lock(mutex_);
  auto it = connections_.find(connection);
  if (it == connections_.end()) return;
  it->second.retired = true;
  if (it->second.done == it->second.handed) connections_.erase(it);
}

void Inbox::Push(ConnectionId connection, Event event) {
  const std::size_t bytes = MemoryOf(event);
  const bool urgent = is_urgent_ && is_urgent_(event);
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    auto it = connections_.find(connection);
    if (it == connections_.end()) return;
    const bool was_due = CutDue(0, 0);
    urgent_waits_ |= urgent;
    ++it->second.handed;
    ++undone_events_;
    undone_bytes_ += bytes;
    waiting_bytes_ += bytes;
    waiting_.push_back({connection, it->second.source, bytes, std::move(event)});
    wake = waiting_.size() == 1 || (!was_due && CutDue(0, 0));
  }
  if (wake) wake_();
}

bool Inbox::CutDue(std::size_t taken_events, std::size_t taken_bytes) const {
  return urgent_waits_ || rest_waits_ || waiting_.size() + taken_events >= limits_.cut_events ||
         waiting_bytes_ + taken_bytes >= limits_.cut_bytes;
}

bool Inbox::IsEmpty() const {
  std::lock_guard lock(mutex_);
  return waiting_.empty();
}

bool Inbox::IsCutDue(std::size_t taken_events, std::size_t taken_bytes) const {
  std::lock_guard lock(mutex_);
  return CutDue(taken_events, taken_bytes);
}

bool Inbox::HasRest() const {
  std::lock_guard lock(mutex_);
  return rest_waits_;
}

bool Inbox::HasUrgent() const {
  std::lock_guard lock(mutex_);
  return urgent_waits_;
}

std::vector<Handed> Inbox::Take(std::size_t max_bytes) {
  std::vector<Handed> taken;
  std::lock_guard lock(mutex_);
  if (waiting_bytes_ <= max_bytes) {
    taken.swap(waiting_);
    waiting_bytes_ = 0;
    urgent_waits_ = false;
    rest_waits_ = false;
    return taken;
  }
  std::size_t bytes = 0;
  auto end = waiting_.begin();
  do {
    bytes += end->bytes;
    ++end;
  } while (end != waiting_.end() && bytes + end->bytes <= max_bytes);
  taken.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  waiting_bytes_ -= bytes;
  rest_waits_ = true;
  return taken;
}

void Inbox::MarkDone(ConnectionId connection, std::uint64_t events, std::size_t bytes) {
  std::lock_guard lock(mutex_);
  undone_events_ -= events;
  undone_bytes_ -= bytes;
  auto it = connections_.find(connection);
  if (it == connections_.end()) return;
  it->second.done += events;
  if (it->second.retired && it->second.done == it->second.handed) connections_.erase(it);
}

std::uint64_t Inbox::HandedCount(ConnectionId connection) const {
  std::lock_guard lock(mutex_);
  auto it = connections_.find(connection);
  return it == connections_.end() ? 0 : it->second.handed;
}

std::uint64_t Inbox::DoneCount(ConnectionId connection) const {
  std::lock_guard lock(mutex_);
  auto it = connections_.find(connection);
  return it == connections_.end() ? 0 : it->second.done;
}

bool Inbox::IsFull() {
  std::lock_guard lock(mutex_);
  const std::size_t part = full_ ? 2 : 1;
  full_ = undone_events_ >= limits_.max_events / part || undone_bytes_ >= limits_.max_bytes / part;
  return full_;
}

}  // namespace sluice
