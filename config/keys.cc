#include "config/keys.h"

#include <algorithm>
#include <vector>

#include "config/key_row.h"
#include "config/schema_tree.h"

namespace sluice {
namespace {

using Json = SchemaTree::Json;

constexpr const char* kNotation =
    "`<name>` stands for a name of your choice, `[]` for an item of an array. The keys of an object that may stand at several places are "
    "told "
    "from there on.";

struct Table {
  std::vector<std::string> places;  ///< The paths where its object stands.
  std::string type;                 ///< The `type` that the object has to have; empty: any.
  std::vector<KeyRow> rows;         ///< Their paths go on from the places.
};

/// Sorts the keys of a schema into tables.
class KeyTables {
 public:
  /// `tree` outlives it.
  explicit KeyTables(const SchemaTree& tree) : tree_(tree) {}

  std::vector<Table> Make() {
    tables_.push_back({{""}, "", {}});
    std::vector<SchemaPlace> sections;
    for (const auto& [name, schema] : tree_.root()["properties"].items()) {
      SchemaPlace place = AddRow(tables_.front(), name, schema, tree_.root());
      if (!tree_.HasKeys(place.schema)) continue;
      tree_.IsShared(place.reference) ? Share(place, tables_.front()) : sections.push_back(std::move(place));
    }
    for (const SchemaPlace& section : sections) AddSection(section);
    // Their own keys may be shared objects again: the list grows while it is read.
    for (std::size_t i = 0; i < shared_.size(); ++i) {
      Table table{shared_[i].places, "", {}};
      const Json schema = shared_[i].schema;
      AddKeys(table, "", schema);
      shared_[i].rows = std::move(table.rows);
    }
    for (Shared& shared : shared_) tables_.push_back({std::move(shared.places), "", std::move(shared.rows)});
    return std::move(tables_);
  }

 private:
  /// An object that the schema refers to from several places.
  struct Shared {
    std::string reference;
    Json schema;
    std::vector<std::string> places;
    std::vector<KeyRow> rows;
  };

  // A table, or one for each type.
  void AddSection(const SchemaPlace& section) {
    std::vector<Json> forms = tree_.Forms(section.schema);
    std::erase_if(forms, [](const Json& form) { return TypeOf(form).empty(); });
    if (forms.empty()) forms.push_back(section.schema);
    for (const Json& form : forms) {
      Table table{{section.path}, TypeOf(form), {}};
      AddKeys(table, "", form);
      tables_.push_back(std::move(table));
    }
  }

  static std::string TypeOf(const Json& form) {
    static const Json::json_pointer kType("/properties/type/const");
    return form.contains(kType) ? form[kType].get<std::string>() : "";
  }

  // The keys of `object`, which stands at `path`; those of its forms, too.
  void AddKeys(Table& table, const std::string& path, const Json& object) {
    const std::vector<Json> forms = tree_.Forms(object);
    const Json properties = object.value("properties", Json::object());
    for (const auto& [name, schema] : properties.items()) {
      const Json::json_pointer in_form = Json::json_pointer("/properties") / name;
      const bool left_to_forms = std::any_of(forms.begin(), forms.end(), [&](const Json& form) { return form.contains(in_form); });
      if (!left_to_forms) AddKey(table, JoinPath(path, name), schema, object);
    }
    for (const Json& form : forms) {
      const SchemaPlace place = tree_.Enter(path, form);
      AddKeys(table, place.path, place.schema);
    }
  }

  void AddKey(Table& table, const std::string& path, const Json& schema, const Json& owner) {
    const SchemaPlace place = AddRow(table, path, schema, owner);
    if (!tree_.HasKeys(place.schema)) return;
    tree_.IsShared(place.reference) ? Share(place, table) : AddKeys(table, place.path, place.schema);
  }

  SchemaPlace AddRow(Table& table, const std::string& path, const Json& schema, const Json& owner) {
    SchemaPlace place = tree_.Enter(path, schema);
    table.rows.push_back(DescribeKey(tree_, place, path.substr(path.rfind('.') + 1), owner));
    return place;
  }

  // The keys of `place`, a place of `table`, go to a table of their own.
  void Share(const SchemaPlace& place, const Table& table) {
    auto it = std::find_if(shared_.begin(), shared_.end(), [&](const Shared& shared) { return shared.reference == place.reference; });
    if (it == shared_.end()) it = shared_.insert(it, {place.reference, place.schema, {}, {}});
    for (const std::string& above : table.places) {
      std::string path = JoinPath(above, place.path);
      if (std::find(it->places.begin(), it->places.end(), path) == it->places.end()) it->places.push_back(std::move(path));
    }
  }

  const SchemaTree& tree_;
  std::vector<Table> tables_;
  std::vector<Shared> shared_;
};

std::string Heading(const Table& table) {
  std::string places;
  for (const std::string& place : table.places) places += (places.empty() ? "" : ", ") + Code(place);
  return "\n#### " + places + (table.type.empty() ? "" : " of type " + Code(table.type)) + "\n\n";
}

// What separates cells, as text in one.
std::string Escaped(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, 1, '\\');
  return text;
}

std::string Markdown(const Table& table) {
  const bool top = table.places.front().empty();
  std::string text = (top ? "\n" : Heading(table)) + "| key | values | default | meaning |\n|---|---|---|---|\n";
  // The keys of an object that stands at several places are told from there on.
  const std::string prefix = table.places.size() == 1 ? table.places.front() : "";
  for (const KeyRow& row : table.rows) {
    text += "| " + Code(JoinPath(prefix, row.path));
    for (const std::string& cell : {row.values, row.fallback, row.meaning}) text += " | " + Escaped(cell);
    text += " |\n";
  }
  return text;
}

}  // namespace

std::string DescribeKeys(std::string_view schema) {
  const SchemaTree tree(schema);
  std::string text = tree.root().value("description", "") + "\n\n" + kNotation + "\n";
  for (const Table& table : KeyTables(tree).Make()) text += Markdown(table);
  return text;
}

}  // namespace sluice
