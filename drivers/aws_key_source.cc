#include "drivers/aws_key_source.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "drivers/aws_key_formats.h"
#include "gateway/endpoint.h"

namespace sluice {
namespace {

// Where ECS and EKS hand out keys, on a link that ends in the machine itself.
constexpr const char* kEcsHost = "169.254.170.2";
constexpr const char* kEksHost = "169.254.170.23";
constexpr std::size_t kMaxAnswer = 64u << 10;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kUnavailable, path + " cannot be read");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string FirstOf(std::string first, std::string second) {
  return first.empty() ? std::move(second) : std::move(first);
}

// The address, or why keys are not asked for there.
Result<std::string> ContainerUrl(const std::string& configured) {
  std::string url = FirstOf(configured, Environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
  if (url.empty()) {
    const std::string path = Environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (path.empty()) return Fail(ErrorCode::kUnavailable, "no endpoint of a container is known");
    url = std::string("http://") + kEcsHost + path;
  }
  const Result<Endpoint> endpoint = Endpoint::Parse(url);
  if (!endpoint) return Fail(ErrorCode::kUnavailable, endpoint.error().message);
  const bool near = endpoint->IsLoopback() || endpoint->host == kEcsHost || endpoint->host == kEksHost;
  if (!endpoint->tls && !near)
    return Fail(ErrorCode::kUnavailable, "keys do not travel in clear: " + endpoint->host + " is not this machine");
  return url;
}

Result<std::string> ContainerToken() {
  const std::string path = Environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (path.empty()) return Environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  Result<std::string> token = ReadAll(path);
  if (token) token->erase(token->find_last_not_of(" \t\r\n") + 1);
  return token;
}

}  // namespace

AwsKeySource::AwsKeySource(const AwsAuthConfig& auth, std::string proxy, Loop& loop) : auth_(auth), proxy_(std::move(proxy)), http_(loop) {}

void AwsKeySource::Fetch(Done done) {
  done_ = std::move(done);
  reasons_.clear();
  untried_ = {auth_.type};
  if (auth_.type == AwsAuthType::kDefault) untried_ = {AwsAuthType::kContainer, AwsAuthType::kSharedFile, AwsAuthType::kEnvironment};
  TryNext();
}

void AwsKeySource::TryNext() {
  const AwsAuthType type = untried_.back();
  untried_.pop_back();
  switch (type) {
    case AwsAuthType::kEnvironment:
      return Take(FromEnvironment());
    case AwsAuthType::kSharedFile:
      return Take(FromSharedFile());
    case AwsAuthType::kContainer:
      return AskContainer();
    case AwsAuthType::kIot:
      return AskIot();
    case AwsAuthType::kStatic:
    case AwsAuthType::kDefault:
      return Take(AwsKeys{auth_.access_key_id, auth_.secret_access_key, auth_.session_token, {}});
  }
}

void AwsKeySource::Take(Result<AwsKeys> keys) {
  if (keys) return std::exchange(done_, nullptr)(std::move(keys));
  reasons_ += (reasons_.empty() ? "" : "; ") + keys.error().message;
  if (!untried_.empty()) return TryNext();
  std::exchange(done_, nullptr)(Fail(ErrorCode::kUnavailable, "no keys to AWS: " + reasons_));
}

Result<AwsKeys> AwsKeySource::FromEnvironment() const {
  AwsKeys keys{Environment("AWS_ACCESS_KEY_ID"), Environment("AWS_SECRET_ACCESS_KEY"), Environment("AWS_SESSION_TOKEN"), {}};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
    return Fail(ErrorCode::kUnavailable, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
  }
  return keys;
}

Result<AwsKeys> AwsKeySource::FromSharedFile() const {
  std::string path = FirstOf(auth_.path, Environment("AWS_SHARED_CREDENTIALS_FILE"));
  if (path.empty()) path = Environment("HOME") + "/.aws/credentials";
  const Result<std::string> text = ReadAll(path);
  if (!text) return tl::unexpected<Error>(text.error());
  Result<AwsKeys> keys = ParseSharedKeys(*text, FirstOf(auth_.profile, FirstOf(Environment("AWS_PROFILE"), "default")));
  if (!keys) return Fail(ErrorCode::kUnavailable, path + ": " + keys.error().message);
  return keys;
}

void AwsKeySource::AskContainer() {
  Result<std::string> url = ContainerUrl(auth_.endpoint);
  if (!url) return Take(tl::unexpected<Error>(url.error()));
  Result<std::string> token = ContainerToken();
  if (!token) return Take(tl::unexpected<Error>(token.error()));
  HttpRequest request;
  request.url = std::move(*url);
  if (!token->empty()) request.headers.push_back({"Authorization", std::move(*token)});
  Ask(std::move(request), &ParseContainerKeys);
}

void AwsKeySource::AskIot() {
  HttpRequest request;
  request.url = "https://" + auth_.endpoint + "/role-aliases/" + auth_.role_alias + "/credentials";
  if (!auth_.thing_name.empty()) request.headers.push_back({"x-amzn-iot-thingname", auth_.thing_name});
  request.tls = auth_.tls;
  request.proxy = proxy_;
  Ask(std::move(request), &ParseIotKeys);
}

void AwsKeySource::Ask(HttpRequest request, Result<AwsKeys> (*parse)(std::string_view, WallTime)) {
  request.max_answer = kMaxAnswer;
  // The path is not told: a container's has a part that only it should know.
  const Result<Endpoint> endpoint = Endpoint::Parse(request.url);
  const std::string host = endpoint ? endpoint->authority : "the endpoint";
  http_.Send(std::move(request), [this, host, parse](Result<HttpAnswer> answer) {
    if (!answer) return Take(Fail(ErrorCode::kUnavailable, host + ": " + answer.error().message));
    if (answer->status != 200) return Take(Fail(ErrorCode::kUnavailable, host + " answers with status " + std::to_string(answer->status)));
    // Lifetimes are reckoned by the clock that set the expiration: ours may be wrong.
    Result<AwsKeys> keys = parse(answer->body, answer->date.value_or(std::chrono::system_clock::now()));
    if (!keys) return Take(Fail(ErrorCode::kUnavailable, host + ": " + keys.error().message));
    Take(std::move(keys));
  });
}

}  // namespace sluice
