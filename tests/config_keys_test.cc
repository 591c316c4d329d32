#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "config/keys.h"
#include "config/schema.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr const char* kHead = "| key | values | default | meaning |\n|---|---|---|---|\n";

/// The reference of `schema` from its first table on.
std::string Tables(const std::string& schema) {
  const std::string text = DescribeKeys(schema);
  return text.substr(text.find(kHead));
}

/// Of a whole reference, the lines that tell of a key.
std::vector<std::string> Rows(const std::string& text) {
  std::vector<std::string> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| `")) rows.push_back(line);
  }
  return rows;
}

void CollectNames(const Json& schema, std::set<std::string>& names) {
  if (schema.is_object() && schema.contains("properties")) {
    for (const auto& [name, ignored] : schema["properties"].items()) names.insert(name);
  }
  for (const Json& child : schema) {
    if (child.is_structured()) CollectNames(child, names);
  }
}

TEST_CASE("config keys: every key of the schema has its row") {
  std::set<std::string> told;
  for (const std::string& row : Rows(DescribeKeys(ConfigSchema()))) {
    std::istringstream path(row.substr(3, row.find('`', 3) - 3));
    for (std::string token; std::getline(path, token, '.');) told.insert(token.substr(0, token.find('[')));
  }
  std::set<std::string> names;
  CollectNames(Json::parse(ConfigSchema()), names);
  CHECK(names.size() > 50);
  for (const std::string& name : names) CHECK_MESSAGE(told.contains(name), name);
}

TEST_CASE("config keys: every key has a meaning") {
  for (const std::string& row : Rows(DescribeKeys(ConfigSchema()))) CHECK_MESSAGE(!row.ends_with("|  |"), row);
}

TEST_CASE("config keys: values, bounds and defaults are told as people write them") {
  CHECK(Tables(R"({
    "$defs": { "duration": { "title": "duration", "oneOf": [ { "type": "string" }, { "const": 0 } ] },
               "wait": { "$ref": "#/$defs/duration", "range": [ "1s", "1h" ], "default": "5s", "description": "How long." } },
    "properties": {
      "word": { "enum": [ "a", "b", "c" ], "default": "b", "description": "One of three." },
      "count": { "type": "integer", "minimum": 1, "maximum": 9, "default": 3 },
      "wait": { "$ref": "#/$defs/wait" },
      "last_wait": { "$ref": "#/$defs/wait", "default": "9s" },
      "files": { "anyOf": [ { "type": "string" }, { "type": "array", "items": { "type": "string" } } ] },
      "free": { "type": [ "string", "integer" ] },
      "id": { "type": "string", "description": "Who we are. Default: the host's name.", "examples": [ "gw|1" ] } } })") ==
        std::string(kHead) +
            "| `word` | `a`, `b` or `c` | `b` | One of three. |\n"
            "| `count` | whole number, `1` to `9` | `3` |  |\n"
            "| `wait` | duration, `1s` to `1h` | `5s` | How long. |\n"
            "| `last_wait` | duration, `1s` to `1h` | `9s` | How long. |\n"
            "| `files` | string or array of string |  |  |\n"
            "| `free` | string or whole number |  |  |\n"
            "| `id` | string | the host's name | Who we are. As in `gw\\|1`. |\n");
}

TEST_CASE("config keys: names of the operator's choice and items of arrays have placeholders") {
  CHECK(Tables(R"({ "properties": {
      "labels": { "description": "Plain.", "additionalProperties": { "type": "string" } },
      "doors": { "propertyNames": { "title": "door" },
                 "additionalProperties": { "required": [ "lock" ], "properties": { "lock": { "type": "boolean" } } } },
      "rules": { "type": "array", "items": { "properties": { "on": { "type": "string" } } } } } })") ==
        std::string(kHead) +
            "| `labels.<name>` | string |  | Plain. |\n"
            "| `doors.<door>` | object |  |  |\n"
            "| `rules[]` | object |  |  |\n"
            "\n#### `doors.<door>`\n\n" +
            kHead +
            "| `doors.<door>.lock` | boolean | required |  |\n"
            "\n#### `rules[]`\n\n" +
            kHead + "| `rules[].on` | string |  |  |\n");
}

TEST_CASE("config keys: each type of an object has its own keys") {
  CHECK(Tables(R"({
    "definitions": { "a": { "description": "First.", "properties": { "type": { "const": "a" }, "x": { "type": "string" } } },
                     "b": { "properties": { "type": { "const": "b" }, "by": { "oneOf": [
                         { "properties": { "kind": { "const": "k" } } }, { "properties": { "kind": { "const": "l" } } } ] } } } },
    "properties": { "outs": { "additionalProperties": {
      "properties": { "type": { "enum": [ "a", "b" ] } },
      "allOf": [ { "if": { "properties": { "type": { "const": "a" } } }, "then": { "$ref": "#/definitions/a" } },
                 { "if": { "properties": { "type": { "const": "b" } } }, "then": { "$ref": "#/definitions/b" } } ] } } } })") ==
        std::string(kHead) + "| `outs.<name>` | object |  |  |\n" +  //
            "\n#### `outs.<name>` of type `a`\n\n" + kHead +
            "| `outs.<name>.type` | `a` |  | First. |\n"
            "| `outs.<name>.x` | string |  |  |\n"
            "\n#### `outs.<name>` of type `b`\n\n" +
            kHead +
            "| `outs.<name>.type` | `b` |  |  |\n"
            "| `outs.<name>.by` | object |  |  |\n"
            "| `outs.<name>.by.kind` | `k` |  |  |\n"
            "| `outs.<name>.by.kind` | `l` |  |  |\n");
}

TEST_CASE("config keys: an object that may stand at several places is told once, with all of them") {
  CHECK(Tables(R"({
    "definitions": { "tls": { "properties": { "ca": { "type": "string" } } },
                     "to": { "oneOf": [ { "title": "name", "type": "string" },
                                        { "additionalProperties": { "properties": { "tls": { "$ref": "#/definitions/tls" } } } } ] } },
    "properties": { "in": { "properties": { "tls": { "$ref": "#/definitions/tls", "description": "How." } } },
                    "out": { "$ref": "#/definitions/to" }, "rest": { "$ref": "#/definitions/to" } } })") ==
        std::string(kHead) +
            "| `in` | object |  |  |\n"
            "| `out` | name or object |  |  |\n"
            "| `rest` | name or object |  |  |\n"
            "\n#### `in`\n\n" +
            kHead +
            "| `in.tls` | object |  | How. |\n"
            "\n#### `out`, `rest`\n\n" +
            kHead +
            "| `<name>.tls` | object |  |  |\n"
            "\n#### `in.tls`, `out.<name>.tls`, `rest.<name>.tls`\n\n" +
            kHead + "| `ca` | string |  |  |\n");
}

}  // namespace
}  // namespace sluice
