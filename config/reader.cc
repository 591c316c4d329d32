#include "config/reader.h"

#include <algorithm>

#include "gateway/quantities.h"
#include "gateway/suggestion.h"

namespace sluice {
namespace {

std::string Listed(const std::vector<std::string_view>& words) {
  std::string list;
  for (std::string_view word : words) list += (list.empty() ? "`" : ", `") + std::string(word) + "`";
  return list;
}

}  // namespace

ObjectReader::ObjectReader(const JsonNode& node, std::string pointer, Findings& findings)
    : node_(node), pointer_(std::move(pointer)), findings_(findings) {
  if (node.kind != JsonNode::Kind::kObject) {
    findings_.mistakes.push_back({node.place, pointer_, "an object `{...}` is expected here, not " + KindName(node.kind), {}});
  }
}

ObjectReader::~ObjectReader() {
  for (const JsonMember& member : node_.members) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    findings_.mistakes.push_back(
        {member.place, PointerOf(member.key), "the key `" + member.key + "` is not known here." + Suggestion(member.key, known_), known_});
  }
}

const JsonMember* ObjectReader::Find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return node_.Find(key);
}

const JsonMember* ObjectReader::FindKind(std::string_view key, JsonNode::Kind kind, const std::string& expected) {
  const JsonMember* member = Find(key);
  if (member == nullptr || member->value.kind == kind) return member;
  Complain(key, expected + " is expected here, not " + KindName(member->value.kind));
  return nullptr;
}

Mistake ObjectReader::MistakeAt(std::string_view key, const std::string& message) const {
  const JsonMember* member = node_.Find(key);
  return {member != nullptr ? member->value.place : node_.place, member != nullptr ? PointerOf(key) : pointer_, message, {}};
}

void ObjectReader::Complain(std::string_view key, const std::string& message) {
  findings_.mistakes.push_back(MistakeAt(key, message));
}

void ObjectReader::Warn(std::string_view key, const std::string& message) {
  findings_.warnings.push_back(MistakeAt(key, message));
}

void ObjectReader::Require(std::string_view key, const std::string& why) {
  if (Find(key) == nullptr && node_.kind == JsonNode::Kind::kObject) Complain(key, "the key `" + std::string(key) + "` is missing: " + why);
}

void ObjectReader::String(std::string_view key, std::string& value) {
  const JsonMember* member = FindKind(key, JsonNode::Kind::kString, "a string");
  if (member == nullptr) return;
  Result<std::string> resolved = ResolveReferences(member->value.text, findings_.mode);
  if (!resolved) return Complain(key, resolved.error().message);
  value = std::move(*resolved);
}

void ObjectReader::Secret(std::string_view key, std::string& value) {
  String(key, value);
  const JsonMember* member = node_.Find(key);
  if (member != nullptr && member->value.kind == JsonNode::Kind::kString && !HasReference(member->value.text)) {
    Warn(key, "a secret stands here in clear; better ${credential:NAME} or ${file:/path}");
  }
}

void ObjectReader::Bool(std::string_view key, bool& value) {
  if (const JsonMember* member = FindKind(key, JsonNode::Kind::kBool, "true or false")) value = member->value.boolean;
}

void ObjectReader::Integer(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t& value) {
  const JsonMember* member = FindKind(key, JsonNode::Kind::kInteger, "a whole number");
  if (member == nullptr) return;
  if (member->value.integer < min || member->value.integer > max) {
    return Complain(key, "a number from " + std::to_string(min) + " to " + std::to_string(max) + " is expected here");
  }
  value = member->value.integer;
}

void ObjectReader::DurationOf(std::string_view key, Duration min, Duration max, Duration& value) {
  const JsonMember* member = Find(key);
  if (member == nullptr) return;
  std::string text;
  const std::size_t mistakes = findings_.mistakes.size();
  if (member->value.kind == JsonNode::Kind::kInteger && member->value.integer == 0) {
    text = "0";
  } else {
    String(key, text);
  }
  if (findings_.mistakes.size() > mistakes || findings_.IsUnknown(text)) return;
  Result<Duration> parsed = ParseDuration(text);
  if (!parsed) return Complain(key, parsed.error().message);
  if (*parsed < min || *parsed > max)
    return Complain(key, "a duration from " + FormatDuration(min) + " to " + FormatDuration(max) + " is expected here");
  value = *parsed;
}

void ObjectReader::BytesOf(std::string_view key, Bytes min, Bytes max, Bytes& value) {
  const JsonMember* member = Find(key);
  if (member == nullptr) return;
  std::string text;
  const std::size_t mistakes = findings_.mistakes.size();
  if (member->value.kind == JsonNode::Kind::kInteger && member->value.integer >= 0) {
    text = std::to_string(member->value.integer);
  } else {
    String(key, text);
  }
  if (findings_.mistakes.size() > mistakes || findings_.IsUnknown(text)) return;
  Result<Bytes> parsed = ParseBytes(text);
  if (!parsed) return Complain(key, parsed.error().message);
  if (*parsed < min || *parsed > max)
    return Complain(key, "a size from " + FormatBytes(min) + " to " + FormatBytes(max) + " is expected here");
  value = *parsed;
}

void ObjectReader::Word(std::string_view key, const std::vector<std::string_view>& words, std::size_t& value) {
  const JsonMember* member = FindKind(key, JsonNode::Kind::kString, "a string");
  if (member == nullptr) return;
  auto it = std::find(words.begin(), words.end(), member->value.text);
  if (it != words.end()) {
    value = static_cast<std::size_t>(it - words.begin());
    return;
  }
  Complain(key, "`" + member->value.text + "` is not one of " + Listed(words) + "." +
                    Suggestion(member->value.text, std::vector<std::string>(words.begin(), words.end())));
}

void ObjectReader::Strings(std::string_view key, std::vector<std::string>& value) {
  const JsonMember* member = Find(key);
  if (member == nullptr) return;
  if (member->value.kind == JsonNode::Kind::kString) {
    std::string one;
    String(key, one);
    value = {std::move(one)};
    return;
  }
  std::vector<std::string> all;
  Items(key, [&](const JsonNode& item, const std::string& pointer) {
    if (item.kind != JsonNode::Kind::kString) {
      findings_.mistakes.push_back({item.place, pointer, "a string is expected here, not " + KindName(item.kind), {}});
      return;
    }
    Result<std::string> resolved = ResolveReferences(item.text, findings_.mode);
    if (!resolved) {
      findings_.mistakes.push_back({item.place, pointer, resolved.error().message, {}});
      return;
    }
    all.push_back(std::move(*resolved));
  });
  value = std::move(all);
}

void ObjectReader::StringsByName(std::string_view key, std::map<std::string, std::string>& value) {
  Object(key, [&](ObjectReader& reader) {
    for (const JsonMember& member : reader.node_.members) reader.String(member.key, value[member.key]);
  });
}

void ObjectReader::Object(std::string_view key, const std::function<void(ObjectReader&)>& read) {
  const JsonMember* member = Find(key);
  if (member == nullptr) return;
  ObjectReader reader(member->value, PointerOf(key), findings_);
  read(reader);
}

void ObjectReader::Each(std::string_view key, const std::function<void(const JsonMember&, const std::string&)>& read) {
  const JsonMember* member = FindKind(key, JsonNode::Kind::kObject, "an object `{...}`");
  if (member == nullptr) return;
  for (const JsonMember& one : member->value.members) read(one, PointerOf(key) + "/" + PointerToken(one.key));
}

void ObjectReader::Items(std::string_view key, const std::function<void(const JsonNode&, const std::string&)>& read) {
  const JsonMember* member = FindKind(key, JsonNode::Kind::kArray, "an array `[...]`");
  if (member == nullptr) return;
  for (std::size_t i = 0; i < member->value.items.size(); ++i) read(member->value.items[i], PointerOf(key) + "/" + std::to_string(i));
}

}  // namespace sluice
