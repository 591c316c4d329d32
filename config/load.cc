#include "config/load.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <utility>

#include "config/build.h"
#include "config/reader.h"
#include "gateway/file_text.h"

namespace sluice {
namespace {

void Merge(JsonNode& into, JsonNode from, const std::string& pointer, std::vector<Mistake>& mistakes) {
  using Kind = JsonNode::Kind;
  if (into.kind == Kind::kObject && from.kind == Kind::kObject) {
    for (JsonMember& member : from.members) {
      JsonMember* mine = into.Find(member.key);
      if (mine == nullptr) {
        into.members.push_back(std::move(member));
      } else {
        Merge(mine->value, std::move(member.value), pointer + "/" + PointerToken(member.key), mistakes);
      }
    }
  } else if (into.kind == Kind::kArray && from.kind == Kind::kArray) {
    std::move(from.items.begin(), from.items.end(), std::back_inserter(into.items));
  } else {
    const std::string first = into.place.file + ":" + std::to_string(into.place.line) + ":" + std::to_string(into.place.column);
    mistakes.push_back({from.place, pointer, "this is set already, in " + first + "; keep one of them", {}});
  }
}

void ReadFile(ConfigFile::Part part, const std::string& name, ConfigFiles& read) {
  Result<std::string> text = FileText(name);
  if (!text) {
    read.unreadable.push_back({{name, 0, 0}, "", "cannot read this file: " + text.error().message, {}});
    return;
  }
  read.files.push_back({part, name, std::move(*text)});
}

// In name order. Only a folder that is not there has none: what cannot be listed would silently take sinks and routes away.
void ReadFolder(ConfigFile::Part part, const std::filesystem::path& folder, ConfigFiles& read) {
  if (std::error_code ignored; !std::filesystem::exists(std::filesystem::symlink_status(folder, ignored))) return;
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".json") names.push_back(entry->path().string());
  }
  if (error) read.unreadable.push_back({{folder.string(), 0, 0}, "", "cannot list this folder: " + error.message(), {}});
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) ReadFile(part, name, read);
}

// Nothing if there are mistakes: what could not be parsed would only seem to lack things.
std::optional<JsonNode> Parse(const ConfigFile& file, std::vector<Mistake>& mistakes) {
  const std::size_t before = mistakes.size();
  JsonNode node = ParseJson(file.text, file.name, mistakes);
  if (mistakes.size() > before) return std::nullopt;
  return node;
}

void CheckRulesFile(const JsonNode& node, Findings& findings) {
  ObjectReader reader(node, "", findings);
  reader.Require("rules", "a file of rules.d has an array of rules, or { \"rules\": [...] }");
  reader.Items("rules", [](const JsonNode&, const std::string&) {});
}

// A file of rules as one of conf.d would be written.
JsonNode AsPart(JsonNode node) {
  if (node.kind != JsonNode::Kind::kArray) return node;
  JsonNode part;
  part.kind = JsonNode::Kind::kObject;
  part.place = node.place;
  part.members.push_back({"rules", part.place, std::move(node)});
  return part;
}

}  // namespace

ConfigFiles ReadConfigFiles(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  ConfigFiles read;
  ReadFile(ConfigFile::Part::kMain, path, read);
  ReadFolder(ConfigFile::Part::kMore, folder / "conf.d", read);
  ReadFolder(ConfigFile::Part::kRules, folder / "rules.d", read);
  return read;
}

LoadedConfig LoadConfig(const ConfigFiles& files, ReferenceMode mode) {
  LoadedConfig loaded;
  Findings findings{.mode = mode, .mistakes = files.unreadable, .warnings = {}};
  std::optional<JsonNode> root;
  for (const ConfigFile& file : files.files) {
    std::optional<JsonNode> part = Parse(file, findings.mistakes);
    if (!part) continue;
    if (file.part == ConfigFile::Part::kMain) {
      root = std::move(part);
      continue;
    }
    if (file.part == ConfigFile::Part::kRules) {
      part = AsPart(std::move(*part));
      CheckRulesFile(*part, findings);
    }
    if (root) Merge(*root, std::move(*part), "", findings.mistakes);
  }
  if (findings.mistakes.empty()) loaded.config = BuildConfig(*root, findings);
  loaded.mistakes = std::move(findings.mistakes);
  loaded.warnings = std::move(findings.warnings);
  return loaded;
}

LoadedConfig LoadConfig(const std::string& path, ReferenceMode mode) {
  return LoadConfig(ReadConfigFiles(path), mode);
}

std::string FormatMistake(const Mistake& mistake) {
  std::string text = mistake.place.file;
  if (mistake.place.line > 0) text += ":" + std::to_string(mistake.place.line) + ":" + std::to_string(mistake.place.column);
  if (!mistake.pointer.empty()) text += ": " + mistake.pointer;
  return text + ": " + mistake.message;
}

}  // namespace sluice
