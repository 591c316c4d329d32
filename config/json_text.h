// JSON with `//` comments, as a tree in which every value and every key knows its place in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct Place {
  std::string file;
  std::size_t line = 0;    ///< From 1.
  std::size_t column = 0;  ///< From 1, in bytes.
};

/// Something wrong in a configuration, for a human.
struct Mistake {
  Place place;
  std::string pointer;             ///< RFC 6901; empty for the whole document.
  std::string message;             ///< What is wrong, and the fix.
  std::vector<std::string> known;  ///< For an unknown key: the keys there are.
};

struct JsonMember;

struct JsonNode {
  enum class Kind { kNull, kBool, kInteger, kReal, kString, kArray, kObject } kind = Kind::kNull;
  Place place;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<JsonNode> items;      ///< Of an array.
  std::vector<JsonMember> members;  ///< Of an object, in the file's order; keys are unique.

  const JsonMember* Find(std::string_view key) const;
  JsonMember* Find(std::string_view key);
};

struct JsonMember {
  std::string key;
  Place place;  ///< Of the key.
  JsonNode value;
};

/// "an object", "a string", ...
std::string KindName(JsonNode::Kind kind);
/// `token` escaped as a part of a JSON pointer.
std::string PointerToken(std::string_view token);

/// Parses `text`; `file` is for the places. What is wrong (syntax, a key twice) is added to `mistakes`; the tree is then what could be
/// read.
JsonNode ParseJson(std::string_view text, const std::string& file, std::vector<Mistake>& mistakes);

}  // namespace sluice
