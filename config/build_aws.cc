#include "config/build_aws.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "config/build_source.h"
#include "gateway/endpoint.h"

namespace sluice {
namespace {

bool IsRegion(std::string_view text) {
  const auto ok = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && std::all_of(text.begin(), text.end(), ok);
}

void ReadContainer(ObjectReader& auth, AwsAuthConfig& config) {
  auth.String("endpoint", config.endpoint);
  if (config.endpoint.empty() || HasReference(config.endpoint)) return;
  if (const Result<Endpoint> endpoint = Endpoint::Parse(config.endpoint); !endpoint) auth.Complain("endpoint", endpoint.error().message);
}

void ReadIot(ObjectReader& auth, AwsAuthConfig& config) {
  auth.Require("endpoint", "the host of the credentials provider: `aws iot describe-endpoint --endpoint-type iot:CredentialProvider`");
  auth.Require("role_alias", "the name of the role alias that the certificate may assume");
  auth.Require("tls", "the device's certificate: { \"cert_file\": \"...\", \"key_file\": \"...\" }");
  auth.String("endpoint", config.endpoint);
  auth.String("role_alias", config.role_alias);
  auth.String("thing_name", config.thing_name);
  auth.Object("tls", [&](ObjectReader& tls) {
    config.tls = ReadTls(tls);
    if (config.tls.cert_file.empty()) tls.Complain("cert_file", "the credentials provider knows a device by its certificate");
  });
  const bool unknown = HasReference(config.endpoint);  // When only checking.
  if (!config.endpoint.empty() && !unknown && !Endpoint::Parse("https://" + config.endpoint)) {
    auth.Complain("endpoint", "`" + config.endpoint + "` is not a host; write it without https://");
  }
}

void ReadSharedFile(ObjectReader& auth, AwsAuthConfig& config) {
  auth.String("path", config.path);
  auth.String("profile", config.profile);
}

void ReadStatic(ObjectReader& auth, AwsAuthConfig& config) {
  auth.Require("access_key_id", "who we are to AWS");
  auth.Require("secret_access_key", "as in \"${credential:aws}\"");
  auth.String("access_key_id", config.access_key_id);
  auth.Secret("secret_access_key", config.secret_access_key);
  auth.Secret("session_token", config.session_token);
}

}  // namespace

void ReadAwsRegion(ObjectReader& reader, std::string& region) {
  reader.Require("region", "as in \"eu-central-1\"");
  reader.String("region", region);
  if (!region.empty() && !HasReference(region) && !IsRegion(region)) {
    reader.Complain("region", "`" + region + "` is not a region; write it as in \"eu-central-1\"");
  }
}

void ReadAwsAuth(ObjectReader& auth, AwsAuthConfig& config) {
  const std::vector<std::string_view> words = {"environment", "shared_file", "container", "iot", "static"};
  constexpr auto kFirst = static_cast<std::size_t>(AwsAuthType::kEnvironment);
  std::size_t type = 0;
  auth.Require("type", "\"environment\", \"shared_file\", \"container\", \"iot\" or \"static\"");
  auth.Word("type", words, type);
  config.type = static_cast<AwsAuthType>(type + kFirst);
  if (config.type == AwsAuthType::kSharedFile) ReadSharedFile(auth, config);
  if (config.type == AwsAuthType::kContainer) ReadContainer(auth, config);
  if (config.type == AwsAuthType::kIot) ReadIot(auth, config);
  if (config.type == AwsAuthType::kStatic) ReadStatic(auth, config);
}

}  // namespace sluice
