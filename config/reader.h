// Reads the keys of one JSON object, each at most once, and notes every mistake with its place instead of stopping at the first.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/json_text.h"
#include "config/references.h"

namespace sluice {

/// What a reading of a configuration has come to so far.
struct Findings {
  ReferenceMode mode = ReferenceMode::kResolve;
  std::vector<Mistake> mistakes;
  std::vector<Mistake> warnings;

  /// `text`, as it was read, refers to what is not at hand when only checking.
  bool IsUnknown(std::string_view text) const { return mode == ReferenceMode::kCheckOnly && HasReference(text); }
};

class ObjectReader {
 public:
  /// If `node` is no object, that is a mistake, and the reader is as if it were empty. Both references outlive the reader.
  ObjectReader(const JsonNode& node, std::string pointer, Findings& findings);
  /// Unknown keys are mistakes.
  ~ObjectReader();
  ObjectReader(const ObjectReader&) = delete;
  ObjectReader& operator=(const ObjectReader&) = delete;

  // Each leaves `value` as it is if the key is missing or wrong.
  void String(std::string_view key, std::string& value);
  /// A literal is worth a warning.
  void Secret(std::string_view key, std::string& value);
  void Bool(std::string_view key, bool& value);
  void Integer(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t& value);
  void DurationOf(std::string_view key, Duration min, Duration max, Duration& value);
  void BytesOf(std::string_view key, Bytes min, Bytes max, Bytes& value);
  /// One of `words`; the number of the word.
  void Word(std::string_view key, const std::vector<std::string_view>& words, std::size_t& value);
  /// A string, or an array of strings.
  void Strings(std::string_view key, std::vector<std::string>& value);

  /// An object of strings, under names that the operator chose.
  void StringsByName(std::string_view key, std::map<std::string, std::string>& value);

  /// Runs `read` for the object under `key`, if it is there.
  void Object(std::string_view key, const std::function<void(ObjectReader&)>& read);
  /// Runs `read` for each member of the object under `key`: a name that the operator chose, and its value.
  void Each(std::string_view key, const std::function<void(const JsonMember&, const std::string& pointer)>& read);
  /// Runs `read` for each item of the array under `key`.
  void Items(std::string_view key, const std::function<void(const JsonNode&, const std::string& pointer)>& read);

  /// The value under `key`, which is known from now on.
  const JsonMember* Find(std::string_view key);
  /// A mistake if the key is not there.
  void Require(std::string_view key, const std::string& why);
  /// A mistake of the value under `key`, or of the object if it is not there.
  void Complain(std::string_view key, const std::string& message);
  void Warn(std::string_view key, const std::string& message);

  std::string PointerOf(std::string_view key) const { return pointer_ + "/" + PointerToken(key); }
  Findings& findings() { return findings_; }

 private:
  const JsonMember* FindKind(std::string_view key, JsonNode::Kind kind, const std::string& expected);
  Mistake MistakeAt(std::string_view key, const std::string& message) const;

  const JsonNode& node_;
  const std::string pointer_;
  Findings& findings_;
  std::vector<std::string> known_;
};

}  // namespace sluice
