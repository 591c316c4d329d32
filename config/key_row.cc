#include "config/key_row.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

using Json = SchemaTree::Json;

// "a, b or c", each once.
template <typename Text>
std::string Listed(const Json& array, const Text& text) {
  std::vector<std::string> words;
  for (const Json& one : array) {
    std::string word = text(one);
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
  }
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) list += i + 1 == words.size() ? " or " : ", ";
    list += words[i];
  }
  return list;
}

std::string TypeName(const std::string& type) {
  return type == "integer" ? "whole number" : type;
}

// ", 1 to 65535" as far as it is bounded. `range` is our own keyword, since JSON Schema bounds only numbers, not "30s" and "2GiB".
std::string Bounds(const Json& schema) {
  if (schema.contains("range")) return ", " + Code(schema["range"][0]) + " to " + Code(schema["range"][1]);
  const bool min = schema.contains("minimum");
  const bool max = schema.contains("maximum");
  if (min && max) return ", " + Code(schema["minimum"]) + " to " + Code(schema["maximum"]);
  if (min) return ", " + Code(schema["minimum"]) + " or more";
  return max ? ", " + Code(schema["maximum"]) + " or less" : "";
}

std::string ValuesOf(const SchemaTree& tree, const Json& reference) {
  const Json schema = tree.Resolve(reference);
  const auto values_of = [&](const Json& one) { return ValuesOf(tree, one); };
  if (schema.contains("const")) return Code(schema["const"]);
  if (schema.contains("enum")) return Listed(schema["enum"], Code);
  if (schema.contains("title")) return schema["title"].get<std::string>() + Bounds(schema);
  if (schema.contains("items")) return "array of " + values_of(schema["items"]);
  if (schema.contains("type")) return Listed(schema["type"], TypeName) + Bounds(schema);
  for (const char* keyword : {"oneOf", "anyOf"}) {
    if (schema.contains(keyword)) return Listed(schema[keyword], values_of);
  }
  return "object";
}

// Cuts "Default: ..." from the end of `text`.
std::string TakeDefault(std::string& text) {
  static constexpr std::string_view kDefault = "Default: ";
  const std::size_t at = text.find(kDefault);
  if (at == std::string::npos) return "";
  std::string fallback = text.substr(at + kDefault.size());
  text.resize(at);
  if (text.ends_with(' ')) text.pop_back();
  if (fallback.ends_with('.')) fallback.pop_back();
  return fallback;
}

}  // namespace

std::string Code(const Json& value) {
  return "`" + (value.is_string() ? value.get<std::string>() : value.dump()) + "`";
}

KeyRow DescribeKey(const SchemaTree& tree, const SchemaPlace& place, const std::string& name, const Json& owner) {
  const Json& schema = place.schema;
  KeyRow row{place.path, ValuesOf(tree, schema), "", schema.value("description", "")};
  // A key that has one value only says which object this is.
  if (row.meaning.empty() && schema.contains("const")) row.meaning = owner.value("description", "");
  row.fallback = TakeDefault(row.meaning);
  if (schema.contains("default")) row.fallback = Code(schema["default"]);
  const Json required = owner.value("required", Json::array());
  if (std::find(required.begin(), required.end(), name) != required.end()) row.fallback = "required";
  if (schema.contains("examples")) row.meaning += (row.meaning.empty() ? "As in " : " As in ") + Code(schema["examples"][0]) + ".";
  return row;
}

}  // namespace sluice
