#include "drivers/mqtt_window.h"

#include <algorithm>

namespace sluice {

void MqttWindow::Add(Seq seq, const std::string& key, MqttMessage message) {
  const auto [it, is_new] = keys_.try_emplace(key);
  it->second.push_back({seq, std::move(message)});
  if (is_new) free_.push_back(key);
}

std::optional<MqttWindow::Departure> MqttWindow::Next() {
  if (free_.empty() || on_the_way_.size() >= size_) return std::nullopt;
  const std::string key = std::move(free_.front());
  free_.pop_front();
  std::deque<Waiting>& waiting = keys_.at(key);
  Departure departure{++last_number_, std::move(waiting.front().message)};
  on_the_way_.emplace(departure.number, Sent{waiting.front().seq, key});
  waiting.pop_front();
  return departure;
}

std::optional<Seq> MqttWindow::OnAnswer(std::uint64_t number, bool taken) {
  const auto sent = on_the_way_.find(number);
  if (sent == on_the_way_.end()) return std::nullopt;
  const Sent answered = std::move(sent->second);
  on_the_way_.erase(sent);
  if (answered.seq == 0) return std::nullopt;
  if (taken) {
    const auto it = keys_.find(answered.key);
    if (it->second.empty()) {
      keys_.erase(it);
    } else {
      free_.push_back(answered.key);
    }
  }
  return answered.seq;
}

void MqttWindow::Clear() {
  keys_.clear();
  free_.clear();
  for (auto& [number, sent] : on_the_way_) sent = {};
}

MqttWindow::Abandoned MqttWindow::Abandon() {
  Abandoned abandoned;
  for (const auto& [number, sent] : on_the_way_) {
    if (sent.seq != 0) abandoned.sent.push_back(sent.seq);
  }
  for (const auto& [key, waiting] : keys_) {
    for (const Waiting& one : waiting) abandoned.waiting.push_back(one.seq);
  }
  std::sort(abandoned.sent.begin(), abandoned.sent.end());
  std::sort(abandoned.waiting.begin(), abandoned.waiting.end());
  Clear();
  on_the_way_.clear();
  return abandoned;
}

}  // namespace sluice
