#include "config/load.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/build.h"

namespace sluice {
namespace {

std::vector<std::string> FilesOf(const std::string& path) {
  std::vector<std::string> files;
  const std::filesystem::path directory = std::filesystem::path(path).parent_path() / "conf.d";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  files.insert(files.begin(), path);
  return files;
}

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

}  // namespace

LoadedConfig LoadConfig(const std::string& path, ReferenceMode mode) {
  LoadedConfig loaded;
  Findings findings{.mode = mode, .mistakes = {}, .warnings = {}};
  JsonNode root;
  for (const std::string& name : FilesOf(path)) {
    std::ifstream file(name, std::ios::binary);
    if (!file || std::filesystem::is_directory(name)) {
      findings.mistakes.push_back({{name, 0, 0}, "", "cannot read this file", {}});
      continue;
    }
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    JsonNode node = ParseJson(text, name, findings.mistakes);
    if (name == path) {
      root = std::move(node);
    } else {
      Merge(root, std::move(node), "", findings.mistakes);
    }
  }
  // What could not be parsed would only seem to lack things.
  if (findings.mistakes.empty()) loaded.config = BuildConfig(root, findings);
  loaded.mistakes = std::move(findings.mistakes);
  loaded.warnings = std::move(findings.warnings);
  return loaded;
}

std::string FormatMistake(const Mistake& mistake) {
  std::string text = mistake.place.file;
  if (mistake.place.line > 0) text += ":" + std::to_string(mistake.place.line) + ":" + std::to_string(mistake.place.column);
  if (!mistake.pointer.empty()) text += ": " + mistake.pointer;
  return text + ": " + mistake.message;
}

}  // namespace sluice
