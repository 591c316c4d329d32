// Finds its way through a JSON Schema: references, maps, arrays, alternatives.
//
// REQUIRES of the schema: references lead into the same document, and none into itself. It is ours, so it is not checked here.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// What stands at a path of a configuration.
struct SchemaPlace {
  std::string path;               ///< Dotted; "<name>" is a name that the operator chooses, "[]" an item of an array.
  nlohmann::ordered_json schema;  ///< Without references at its top.
  std::string reference;          ///< "#/definitions/tls" if the schema was written as a reference, else empty.
};

class SchemaTree {
 public:
  using Json = nlohmann::ordered_json;

  explicit SchemaTree(std::string_view text);

  const Json& root() const { return root_; }
  /// `schema` at `path`; if that is a map or an array of objects, what stands in it: `sinks` becomes `sinks.<name>`.
  SchemaPlace Enter(std::string path, const Json& schema) const;
  /// The forms that an object may have (`oneOf`, `anyOf`, `allOf`, `then`), those that have keys.
  std::vector<Json> Forms(const Json& schema) const;
  /// True if there are keys to describe in what `schema` stands for. A map of plain values has none.
  bool HasKeys(const Json& schema) const;
  /// True if the schema refers to `reference` more than once.
  bool IsShared(const std::string& reference) const;
  /// `schema`, its reference followed; what stands beside a reference is said about this place, and wins.
  Json Resolve(const Json& schema) const;

 private:
  void CountReferences(const Json& json);

  Json root_;
  std::map<std::string, int> references_;
};

/// `path` and `token` with a dot between, if both are there.
std::string JoinPath(const std::string& path, const std::string& token);

}  // namespace sluice
