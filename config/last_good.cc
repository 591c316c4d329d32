#include "config/last_good.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "gateway/json_text.h"
#include "gateway/sync_directory.h"

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

Error ErrnoError(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + std::strerror(errno)};
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<void> WriteNew(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected<Error>(ErrnoError(path));
  const bool written = WriteAll(fd, text) && ::fsync(fd) == 0;
  Result<void> result = written ? Result<void>() : tl::unexpected<Error>(ErrnoError(path));
  ::close(fd);
  return result;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

std::optional<ConfigFiles> LastGood::Read() const {
  const Json json = Json::parse(ReadText(path_), nullptr, false);
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
  if (ReadText(path_) == text) return {};
  const std::string temporary = path_ + ".new";
  if (Result<void> written = WriteNew(temporary, text); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path_.c_str()) != 0) return tl::unexpected<Error>(ErrnoError(path_));
  SyncDirectory(path_);
  return {};
}

}  // namespace sluice
