#include "gateway/topic.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::size_t kMaxBytes = 65'535;

bool IsName(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

std::string_view WithoutShare(std::string_view filter) {
  constexpr std::string_view kShared = "$share/";
  if (!filter.starts_with(kShared)) return filter;
  const std::size_t group_end = filter.find('/', kShared.size());
  return group_end == std::string_view::npos ? "" : filter.substr(group_end + 1);
}

Result<TopicFilter::Level> TopicFilter::ParseLevel(std::string_view text) {
  using Kind = Level::Kind;
  if (text == "+") return Level{Kind::kAny, ""};
  if (text == "#") return Level{Kind::kRest, ""};
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
    const std::string_view name = text.substr(1, text.size() - 2);
    if (!IsName(name)) return Fail(ErrorCode::kInvalid, "`" + std::string(text) + "` is not a name: letters, digits and _ only");
    return Level{Kind::kNamed, std::string(name)};
  }
  if (text.find_first_of("+#{}") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalid, "a wildcard stands alone in its level, unlike in `" + std::string(text) + "`");
  }
  return Level{Kind::kText, std::string(text)};
}

Result<TopicFilter> TopicFilter::Parse(std::string_view text) {
  if (text.empty()) return Fail(ErrorCode::kInvalid, "a topic filter cannot be empty");
  if (text.size() > kMaxBytes) return Fail(ErrorCode::kInvalid, "a topic filter has at most 65535 bytes");
  if (text.find('\0') != std::string_view::npos) return Fail(ErrorCode::kInvalid, "a topic filter cannot contain a NUL character");
  TopicFilter filter;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('/', start), text.size());
    Result<Level> level = ParseLevel(text.substr(start, end - start));
    if (!level) return tl::unexpected<Error>(level.error());
    if (level->kind == Level::Kind::kRest && end != text.size()) return Fail(ErrorCode::kInvalid, "`#` must be the last level");
    if (level->kind == Level::Kind::kNamed) {
      if (std::find(filter.names_.begin(), filter.names_.end(), level->text) != filter.names_.end()) {
        return Fail(ErrorCode::kInvalid, "the name `{" + level->text + "}` is used twice");
      }
      filter.names_.push_back(level->text);
    }
    filter.levels_.push_back(std::move(*level));
    start = end + 1;
  }
  if (filter.names_.size() > Captures::kMax) return Fail(ErrorCode::kInvalid, "at most 16 levels can be named");
  return filter;
}

bool TopicFilter::Matches(std::string_view topic, Captures& captures) const {
  using Kind = Level::Kind;
  captures.count = 0;
  // A leading wildcard does not match topics that begin with `$`.
  if (!topic.empty() && topic[0] == '$' && levels_[0].kind != Kind::kText) return false;
  std::size_t start = 0;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const Level& level = levels_[i];
    if (level.kind == Kind::kRest) return true;  // Also the parent level: start may be past the end.
    if (start > topic.size()) return false;
    const std::size_t end = std::min(topic.find('/', start), topic.size());
    const std::string_view text = topic.substr(start, end - start);
    if (level.kind == Kind::kText && level.text != text) return false;
    if (level.kind == Kind::kNamed) captures.level[captures.count++] = text;
    start = end + 1;
  }
  return start > topic.size();
}

std::string TopicFilter::Plain() const {
  std::string plain;
  for (const Level& level : levels_) {
    if (&level != &levels_.front()) plain += '/';
    switch (level.kind) {
      case Level::Kind::kText:
        plain += level.text;
        break;
      case Level::Kind::kRest:
        plain += '#';
        break;
      default:
        plain += '+';
    }
  }
  return plain;
}

// Begins with `$`, so that no filter with a leading wildcard matches the same topics.
bool TopicFilter::IsReserved() const {
  const Level& first = levels_[0];
  return first.kind == Level::Kind::kText && !first.text.empty() && first.text[0] == '$';
}

bool TopicFilter::Overlaps(const TopicFilter& other) const {
  using Kind = Level::Kind;
  if (IsReserved() != other.IsReserved()) return false;
  for (std::size_t i = 0;; ++i) {
    const bool ends = i >= levels_.size();
    const bool other_ends = i >= other.levels_.size();
    if ((!ends && levels_[i].kind == Kind::kRest) || (!other_ends && other.levels_[i].kind == Kind::kRest)) return true;
    if (ends || other_ends) return ends && other_ends;
    const bool both_text = levels_[i].kind == Kind::kText && other.levels_[i].kind == Kind::kText;
    if (both_text && levels_[i].text != other.levels_[i].text) return false;
  }
}

bool TopicFilter::Covers(const TopicFilter& other) const {
  using Kind = Level::Kind;
  if (IsReserved() != other.IsReserved()) return false;
  for (std::size_t i = 0;; ++i) {
    const bool ends = i >= levels_.size();
    const bool other_ends = i >= other.levels_.size();
    if (!ends && levels_[i].kind == Kind::kRest) return true;
    if (ends || other_ends) return ends && other_ends;
    if (other.levels_[i].kind == Kind::kRest) {
      // `#` alone stands for one level at least.
      return i == 0 && levels_.size() == 2 && levels_[0].kind != Kind::kText && levels_[1].kind == Kind::kRest;
    }
    if (levels_[i].kind != Kind::kText) continue;
    if (other.levels_[i].kind != Kind::kText || levels_[i].text != other.levels_[i].text) return false;
  }
}

}  // namespace sluice
