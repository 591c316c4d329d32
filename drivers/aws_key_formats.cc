#include "drivers/aws_key_formats.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "drivers/json_member.h"

namespace sluice {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

// Whatever is said of their end, keys are asked for again after a day.
constexpr seconds kMaxLifetime = std::chrono::hours(24);

struct Names {
  const char* id;
  const char* secret;
  const char* token;
  const char* expiration;
};

// Seconds since 1970 of an RFC 3339 time in UTC, as AWS writes it; fractions do not matter here.
std::optional<seconds> ParseTime(const std::string& text) {
  std::tm utc{};
  if (strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc) == nullptr) return std::nullopt;
  return seconds(timegm(&utc));
}

Result<AwsKeys> ReadKeys(const Json& json, const Names& names, WallTime now) {
  if (!json.is_object()) return Fail(ErrorCode::kUnavailable, "the answer holds no keys");
  AwsKeys keys{TextOf(json, names.id), TextOf(json, names.secret), TextOf(json, names.token), {}};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return Fail(ErrorCode::kUnavailable, "the answer holds no keys");
  if (const std::string expiration = TextOf(json, names.expiration); !expiration.empty()) {
    const std::optional<seconds> end = ParseTime(expiration);
    if (!end) return Fail(ErrorCode::kUnavailable, "the answer's expiration is no time");
    keys.lifetime = std::min(*end - std::chrono::floor<seconds>(now.time_since_epoch()), kMaxLifetime);
    if (keys.lifetime->count() <= 0) return Fail(ErrorCode::kUnavailable, "the keys have expired already");
  }
  return keys;
}

Json Parse(std::string_view json) {
  return Json::parse(json, nullptr, false);  // What is no JSON becomes "discarded", which is no object.
}

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

void TakeSetting(std::string_view line, AwsKeys& keys) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = Trimmed(line.substr(0, equals));
  const std::string_view value = Trimmed(line.substr(equals + 1));
  if (name == "aws_access_key_id") keys.access_key_id = value;
  if (name == "aws_secret_access_key") keys.secret_access_key = value;
  if (name == "aws_session_token") keys.session_token = value;
}

}  // namespace

Result<AwsKeys> ParseContainerKeys(std::string_view json, WallTime now) {
  return ReadKeys(Parse(json), {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}, now);
}

Result<AwsKeys> ParseIotKeys(std::string_view json, WallTime now) {
  const Json answer = Parse(json);
  const Json credentials = answer.is_object() ? answer.value("credentials", Json()) : Json();
  return ReadKeys(credentials, {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}, now);
}

Result<AwsKeys> ParseSharedKeys(std::string_view text, std::string_view profile) {
  AwsKeys keys;
  bool mine = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('#') || line.starts_with(';')) continue;
    if (line.starts_with('[')) {
      mine = line.ends_with(']') && Trimmed(line.substr(1, line.size() - 2)) == profile;
    } else if (mine) {
      TakeSetting(line, keys);
    }
  }
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
    return Fail(ErrorCode::kUnavailable, "the profile `" + std::string(profile) + "` has no keys");
  }
  return keys;
}

}  // namespace sluice
