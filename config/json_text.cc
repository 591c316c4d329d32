#include "config/json_text.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using Json = nlohmann::json;

/// Walks the text and counts, so that the parser's callbacks can tell where they are.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* count) : at_(at), count_(count) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    if (count_ != nullptr) ++*count_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::size_t* count_;
};

class TreeBuilder : public Json::json_sax_t {
 public:
  TreeBuilder(std::string_view text, const std::string& file, std::vector<Mistake>& mistakes)
      : text_(text), file_(file), mistakes_(mistakes) {}

  std::size_t* count() { return &count_; }
  JsonNode Take() { return std::move(root_); }

  bool null() override {
    return Scalar(JsonNode::Kind::kNull, [](JsonNode&) {});
  }
  bool boolean(bool value) override {
    return Scalar(JsonNode::Kind::kBool, [&](JsonNode& node) { node.boolean = value; });
  }
  bool number_integer(Json::number_integer_t value) override {
    return Scalar(JsonNode::Kind::kInteger, [&](JsonNode& node) { node.integer = value; });
  }
  bool number_unsigned(Json::number_unsigned_t value) override {
    if (value > static_cast<Json::number_unsigned_t>(INT64_MAX)) return number_float(static_cast<double>(value), "");
    return number_integer(static_cast<Json::number_integer_t>(value));
  }
  bool number_float(Json::number_float_t value, const Json::string_t&) override {
    return Scalar(JsonNode::Kind::kReal, [&](JsonNode& node) { node.real = value; });
  }
  bool string(Json::string_t& value) override {
    return Scalar(JsonNode::Kind::kString, [&](JsonNode& node) { node.text = value; });
  }
  bool binary(Json::binary_t&) override { return false; }

  bool start_object(std::size_t) override { return Start(JsonNode::Kind::kObject); }
  bool start_array(std::size_t) override { return Start(JsonNode::Kind::kArray); }
  bool end_object() override { return End(); }
  bool end_array() override { return End(); }

  bool key(Json::string_t& name) override {
    const Place place = TokenPlace();
    JsonNode& object = *open_.back();
    if (const JsonMember* first = object.Find(name)) {
      mistakes_.push_back(
          {place, "", "the key `" + name + "` stands twice in this object, first in line " + std::to_string(first->place.line), {}});
      twice_ = std::make_unique<JsonNode>();  // Read, and dropped.
      return true;
    }
    object.members.push_back({name, place, {}});
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    std::string message = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
    if (const std::size_t colon = message.find(": "); colon != std::string::npos) message.erase(0, colon + 2);
    mistakes_.push_back({PlaceOf(count_ == 0 ? 0 : count_ - 1), "", message, {}});
    return false;
  }

 private:
  template <typename Fill>
  bool Scalar(JsonNode::Kind kind, Fill fill) {
    JsonNode& node = NewNode();
    node.kind = kind;
    node.place = TokenPlace();
    fill(node);
    return true;
  }
  bool Start(JsonNode::Kind kind) {
    JsonNode& node = NewNode();
    node.kind = kind;
    node.place = TokenPlace();
    open_.push_back(&node);
    return true;
  }
  bool End() {
    open_.pop_back();
    last_end_ = count_;
    return true;
  }
  JsonNode& NewNode() {
    if (twice_) {
      dropped_.push_back(std::move(twice_));
      return *dropped_.back();
    }
    if (open_.empty()) return root_;
    JsonNode& parent = *open_.back();
    if (parent.kind == JsonNode::Kind::kArray) return parent.items.emplace_back();
    return parent.members.back().value;
  }
  // The parser says when a token ended; it began at the first character after the token before it that is neither space, comment nor
  // punctuation.
  Place TokenPlace() {
    std::size_t at = last_end_;
    while (at < text_.size()) {
      if (text_.substr(at, 2) == "//") {
        at = std::min(text_.find('\n', at), text_.size());
      } else if (text_.substr(at, 2) == "/*") {
        at = std::min(text_.find("*/", at), text_.size() - 2) + 2;
      } else if (std::string_view(" \t\r\n,:}]").find(text_[at]) != std::string_view::npos) {
        ++at;
      } else {
        break;
      }
    }
    last_end_ = count_;
    return PlaceOf(at);
  }
  Place PlaceOf(std::size_t offset) const {
    const std::string_view before = text_.substr(0, std::min(offset, text_.size()));
    const std::size_t newline = before.rfind('\n');
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    return {file_, line, newline == std::string_view::npos ? before.size() + 1 : before.size() - newline};
  }

  const std::string_view text_;
  const std::string& file_;
  std::vector<Mistake>& mistakes_;
  std::size_t count_ = 0;
  std::size_t last_end_ = 0;
  JsonNode root_;
  std::vector<JsonNode*> open_;  // A parent grows only while no child of it is open, so these stay valid.
  std::unique_ptr<JsonNode> twice_;
  std::vector<std::unique_ptr<JsonNode>> dropped_;
};

}  // namespace

const JsonMember* JsonNode::Find(std::string_view key) const {
  auto it = std::find_if(members.begin(), members.end(), [&](const JsonMember& member) { return member.key == key; });
  return it == members.end() ? nullptr : &*it;
}

JsonMember* JsonNode::Find(std::string_view key) {
  return const_cast<JsonMember*>(std::as_const(*this).Find(key));
}

std::string KindName(JsonNode::Kind kind) {
  switch (kind) {
    case JsonNode::Kind::kNull:
      return "null";
    case JsonNode::Kind::kBool:
      return "true or false";
    case JsonNode::Kind::kInteger:
      return "a whole number";
    case JsonNode::Kind::kReal:
      return "a number";
    case JsonNode::Kind::kString:
      return "a string";
    case JsonNode::Kind::kArray:
      return "an array";
    case JsonNode::Kind::kObject:
      return "an object";
  }
  return "";
}

std::string PointerToken(std::string_view token) {
  std::string escaped;
  for (const char c : token) escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return escaped;
}

JsonNode ParseJson(std::string_view text, const std::string& file, std::vector<Mistake>& mistakes) {
  TreeBuilder builder(text, file, mistakes);
  const char* end = text.data() + text.size();
  Json::sax_parse(CountingIterator(text.data(), builder.count()), CountingIterator(end, nullptr), &builder,
                  nlohmann::detail::input_format_t::json, true, true);
  return builder.Take();
}

}  // namespace sluice
