#include "gateway/topic_index.h"

#include <algorithm>
#include <functional>

namespace sluice {
namespace {

std::size_t HashOf(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

// Odd, and without a pattern: 2^64 by the golden ratio.
std::size_t HashOf(std::uint32_t node, std::size_t text_hash) {
  return text_hash ^ (node * static_cast<std::size_t>(0x9E3779B97F4A7C15u));
}

}  // namespace

std::size_t TopicIndex::StepHash::operator()(const Step& step) const {
  return HashOf(step.node, HashOf(step.text));
}

std::size_t TopicIndex::StepHash::operator()(const StepView& step) const {
  return HashOf(step.node, step.text_hash);
}

void TopicIndex::Add(const TopicFilter& filter, std::size_t value) {
  Number node = kRoot;
  for (const TopicFilter::Level& level : filter.levels()) {
    if (level.kind == TopicFilter::Level::Kind::kRest) return Push(nodes_[node].rest, value);
    node = StepTo(node, level);
  }
  Push(nodes_[node].ends, value);
}

TopicIndex::Number TopicIndex::NewNode() {
  nodes_.emplace_back();
  return static_cast<Number>(nodes_.size() - 1);
}

TopicIndex::Number TopicIndex::StepTo(Number node, const TopicFilter::Level& level) {
  if (level.kind == TopicFilter::Level::Kind::kText) {
    nodes_[node].has_texts = true;
    const auto [step, is_new] = steps_.try_emplace(Step{node, level.text}, kNone);
    if (is_new) step->second = NewNode();
    return step->second;
  }
  if (nodes_[node].any == kNone) {
    const Number any = NewNode();
    nodes_[node].any = any;
  }
  return nodes_[node].any;
}

void TopicIndex::Push(Number& list, std::size_t value) {
  values_.push_back({value, list});
  list = static_cast<Number>(values_.size() - 1);
}

void TopicIndex::Take(Number list, std::vector<std::size_t>& found) const {
  for (; list != kNone; list = values_[list].next) found.push_back(values_[list].value);
}

// `is_reserved`: no wildcard stands for this level, nor for what begins with it.
void TopicIndex::GoDown(std::string_view text, bool is_reserved, std::vector<std::size_t>& found) const {
  const std::size_t text_hash = HashOf(text);  // Once: a level may be long, and the nodes many.
  there_.clear();
  for (const Number number : here_) {
    const Node& node = nodes_[number];
    if (!is_reserved) Take(node.rest, found);
    if (!is_reserved && node.any != kNone) there_.push_back(node.any);
    if (!node.has_texts) continue;
    const auto step = steps_.find(StepView{number, text, text_hash});
    if (step != steps_.end()) there_.push_back(step->second);
  }
  here_.swap(there_);
}

void TopicIndex::Find(std::string_view topic, std::vector<std::size_t>& found) const {
  here_.assign(1, kRoot);
  for (std::size_t start = 0; start <= topic.size() && !here_.empty();) {
    const std::size_t end = std::min(topic.find('/', start), topic.size());
    GoDown(topic.substr(start, end - start), start == 0 && topic.starts_with('$'), found);
    start = end + 1;
  }
  for (const Number number : here_) {
    Take(nodes_[number].ends, found);
    Take(nodes_[number].rest, found);  // `#` stands for the parent level too.
  }
}

}  // namespace sluice
