#include "drivers/redelivery.h"

#include <string_view>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kMaxContent = 4 * 1024;
constexpr std::size_t kMaxSeen = 1024 * 1024;

void AppendNumber(std::string& out, std::size_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void AppendText(std::string& out, std::string_view text) {
  AppendNumber(out, text.size());
  out.append(text);
}

// Each text with its length, each list with its number: different events never read the same.
void AppendContent(std::string& out, const Event& event) {
  out += event.retained ? '1' : '0';
  AppendText(out, event.topic);
  AppendText(out, event.content_type);
  AppendNumber(out, event.properties.size());
  for (const Property& property : event.properties) {
    AppendText(out, property.name);
    AppendText(out, property.value);
  }
  out.append(event.payload);
}

bool CanBeOwed(const Event& event) {
  return !event.expiry && event.refusal == Refusal::kNone && event.topic.size() + event.payload.size() <= kMaxContent;
}

}  // namespace

void Redelivery::OnConnected(bool resumes) {
  resending_ = resumes;
  if (!resumes) owed_.clear();
}

bool Redelivery::OnEvent(const Event& event) {
  ++handed_;
  if (event.qos != 1) return false;
  if (!event.duplicate) {
    resending_ = false;
    owed_.clear();
  }
  const bool is_out_of_place = event.duplicate && !resending_;
  if (is_out_of_place || !CanBeOwed(event)) return false;
  Seen& seen = Remember(event);
  seen.is_copy = Claim(seen.content);
  return seen.is_copy;
}

Redelivery::Seen& Redelivery::Remember(const Event& event) {
  Seen seen;
  while (seen_.size() >= window_ || seen_bytes_ > kMaxSeen) {
    seen = std::move(seen_.front());  // Its memory serves again.
    seen_.pop_front();
    seen_bytes_ -= seen.content.size();
  }
  seen.content.clear();
  AppendContent(seen.content, event);
  seen.count = handed_;
  seen_bytes_ += seen.content.size();
  return seen_.emplace_back(std::move(seen));
}

bool Redelivery::Claim(const std::string& content) {
  const auto owed = owed_.find(content);
  if (owed == owed_.end()) return false;
  owed_.erase(owed);
  return true;
}

void Redelivery::OnEnded(std::uint64_t released, std::uint64_t kept) {
  for (Seen& seen : seen_) {
    if (seen.count > released && (seen.count <= kept || seen.is_copy)) owed_.insert(std::move(seen.content));
  }
  if (owed_.size() > window_) owed_.clear();  // More than a broker that keeps the rules can owe.
  resending_ = false;
  handed_ = 0;
  seen_.clear();
  seen_bytes_ = 0;
}

}  // namespace sluice
