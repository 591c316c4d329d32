#include "config/json_spot.h"

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

const JsonNode* ChildOf(const JsonNode& node, std::string_view token) {
  if (const JsonMember* member = node.Find(token)) return &member->value;
  std::size_t index = 0;
  const auto parsed = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool good = parsed.ec == std::errc() && parsed.ptr == token.data() + token.size() && index < node.items.size();
  return good ? &node.items[index] : nullptr;
}

}  // namespace

Spot Locate(const JsonNode& node, std::string pointer, std::string_view path) {
  const JsonNode* at = &node;
  while (!path.empty()) {
    const std::string_view token = path.substr(0, path.find('/'));
    const JsonNode* child = ChildOf(*at, token);
    if (child == nullptr) break;
    at = child;
    pointer += "/" + PointerToken(token);
    path.remove_prefix(std::min(path.size(), token.size() + 1));
  }
  return {at->place, std::move(pointer)};
}

}  // namespace sluice
