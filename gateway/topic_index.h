// Many topic filters at once: which of them match a topic. Finding does not look at those that don't.
//
// The filters are a tree of their levels. A topic goes down it level by level, at several nodes at once where there are wildcards; no node
// is reached twice, so that a topic, whoever chose it, costs no more than its own length and the nodes of the tree.
//
// Pure. Thread: one at a time; the buffers are reused from topic to topic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/topic.h"

namespace sluice {

class TopicIndex {
 public:
  /// `value` is found under each of its filters; any number of times.
  void Add(const TopicFilter& filter, std::size_t value);
  /// Appends the values of all filters that match `topic` (as TopicFilter::Matches), in no order, one for each filter.
  void Find(std::string_view topic, std::vector<std::size_t>& found) const;

 private:
  using Number = std::uint32_t;
  static constexpr Number kNone = UINT32_MAX;
  static constexpr Number kRoot = 0;

  /// What one more level leads to, and the lists of what ends here.
  struct Node {
    Number any = kNone;   // In nodes_: by `+`, or a name.
    Number ends = kNone;  // In values_: filters that end with this level.
    Number rest = kNone;  // In values_: filters that go on with `#`.
    bool has_texts = false;
  };
  struct Value {
    std::size_t value;
    Number next;  // In values_, or kNone.
  };
  /// The way from a node by a text.
  struct Step {
    Number node;
    std::string text;
  };
  struct StepView {
    Number node;
    std::string_view text;
    std::size_t text_hash;
  };
  struct StepHash {
    using is_transparent = void;
    std::size_t operator()(const Step& step) const;
    std::size_t operator()(const StepView& step) const;
  };
  struct StepEqual {
    using is_transparent = void;
    bool operator()(const Step& a, const Step& b) const { return a.node == b.node && a.text == b.text; }
    bool operator()(const StepView& a, const Step& b) const { return a.node == b.node && a.text == b.text; }
  };

  Number NewNode();
  Number StepTo(Number node, const TopicFilter::Level& level);
  void Push(Number& list, std::size_t value);
  void Take(Number list, std::vector<std::size_t>& found) const;
  void GoDown(std::string_view text, bool is_reserved, std::vector<std::size_t>& found) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<Value> values_;
  std::unordered_map<Step, Number, StepHash, StepEqual> steps_;
  mutable std::vector<Number> here_;  // Where the levels so far lead.
  mutable std::vector<Number> there_;
};

}  // namespace sluice
