#include "config/last_good.h"

#include <array>
#include <nlohmann/json.hpp>

#include "gateway/file_text.h"
#include "gateway/json_text.h"
#include "gateway/replace_file.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char*, 3> kParts = {"main", "conf.d", "rules.d"};

std::string TextOf(const ConfigFiles& files) {
  Json all = Json::array();
  for (const ConfigFile& file : files.files) {
    all.push_back({{"part", kParts[static_cast<std::size_t>(file.part)]}, {"name", file.name}, {"text", file.text}});
  }
  return JsonText(Json{{"files", std::move(all)}}) + "\n";
}

std::optional<ConfigFile> FileOf(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  for (const char* member : {"part", "name", "text"}) {
    if (!json.contains(member) || !json[member].is_string()) return std::nullopt;
  }
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    if (json["part"] == kParts[part]) return ConfigFile{static_cast<ConfigFile::Part>(part), json["name"], json["text"]};
  }
  return std::nullopt;
}

}  // namespace

std::optional<ConfigFiles> LastGood::Read() const {
  const Json json = Json::parse(FileText(path_).value_or(""), nullptr, false);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_array()) return std::nullopt;
  ConfigFiles read;
  for (const Json& one : json["files"]) {
    std::optional<ConfigFile> file = FileOf(one);
    if (!file) return std::nullopt;
    read.files.push_back(std::move(*file));
  }
  const bool begins_well = !read.files.empty() && read.files[0].part == ConfigFile::Part::kMain;
  return begins_well ? std::optional(std::move(read)) : std::nullopt;
}

Result<void> LastGood::Keep(const ConfigFiles& files) const {
  const std::string text = TextOf(files);
  if (FileText(path_).value_or("") == text) return {};
  return ReplaceFile(path_, text);
}

}  // namespace sluice
