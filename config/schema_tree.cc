#include "config/schema_tree.h"

#include <algorithm>

namespace sluice {
namespace {

using Json = SchemaTree::Json;

bool IsMap(const Json& schema) {
  return !schema.contains("properties") && schema.contains("additionalProperties") && schema["additionalProperties"].is_object();
}

// What the members of a map are named by: the title of `propertyNames`.
std::string PlaceholderOf(const Json& map) {
  return "<" + map.value("propertyNames", Json::object()).value("title", "name") + ">";
}

}  // namespace

std::string JoinPath(const std::string& path, const std::string& token) {
  return path.empty() || token.empty() ? path + token : path + "." + token;
}

SchemaTree::SchemaTree(std::string_view text) : root_(Json::parse(text)) {
  CountReferences(root_);
}

void SchemaTree::CountReferences(const Json& json) {
  if (json.is_object() && json.contains("$ref")) ++references_[json["$ref"]];
  for (const Json& child : json) {
    if (child.is_structured()) CountReferences(child);
  }
}

bool SchemaTree::IsShared(const std::string& reference) const {
  auto it = references_.find(reference);
  return it != references_.end() && it->second > 1;
}

Json SchemaTree::Resolve(const Json& schema) const {
  if (!schema.contains("$ref")) return schema;
  const auto reference = schema["$ref"].get<std::string>();
  Json resolved = Resolve(root_.at(Json::json_pointer(reference.substr(1))));
  resolved.update(schema);
  resolved.erase("$ref");
  return resolved;
}

SchemaPlace SchemaTree::Enter(std::string path, const Json& schema) const {
  SchemaPlace place{std::move(path), Resolve(schema), schema.value("$ref", "")};
  Json inner;
  if (IsMap(place.schema)) {
    inner = place.schema["additionalProperties"];
    place.path = JoinPath(place.path, PlaceholderOf(place.schema));
  } else if (place.schema.contains("items") && HasKeys(place.schema["items"])) {
    inner = place.schema["items"];
    place.path += "[]";
  } else {
    return place;
  }
  for (const char* said : {"description", "default", "examples"}) {
    if (place.schema.contains(said)) inner[said] = place.schema[said];
  }
  return Enter(std::move(place.path), inner);
}

std::vector<Json> SchemaTree::Forms(const Json& schema) const {
  std::vector<Json> forms;
  for (const char* keyword : {"oneOf", "anyOf", "allOf"}) {
    for (const Json& form : schema.value(keyword, Json::array())) {
      const Json& stated = form.contains("then") ? form["then"] : form;
      if (HasKeys(stated)) forms.push_back(Resolve(stated));
    }
  }
  return forms;
}

bool SchemaTree::HasKeys(const Json& schema) const {
  const Json resolved = Resolve(schema);
  if (!resolved.value("properties", Json::object()).empty()) return true;
  if (IsMap(resolved)) return HasKeys(resolved["additionalProperties"]);
  if (resolved.contains("items")) return HasKeys(resolved["items"]);
  return !Forms(resolved).empty();
}

}  // namespace sluice
