#include "drivers/aws_credentials.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <utility>

#include "drivers/aws_clock.h"
#include "drivers/aws_key_formats.h"
#include "drivers/aws_key_source.h"
#include "tests/fakes.h"
#include "tests/kinesis_outside.h"
#include "tests/run_until.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

using std::chrono::seconds;

AwsKeys KeysFor(seconds lifetime, const std::string& id = "AKID") {
  return {id, "secret", "token", lifetime};
}

/// Credentials whose fetches are answered by the test.
struct CredentialsBench {
  FakeClock clock;
  std::function<void(Result<AwsKeys>)> answer;
  int fetches = 0;
  int renewed = 0;
  int failed = 0;
  AwsCredentials credentials{[this](auto done) {
                               ++fetches;
                               answer = std::move(done);
                             },
                             clock, 7};

  void Renew() {
    credentials.Renew([this](const Result<void>& outcome) { ++(outcome ? renewed : failed); });
  }
  void Turn() { clock.Advance(std::chrono::milliseconds(0)); }
  void Give(Result<AwsKeys> keys) { std::exchange(answer, nullptr)(std::move(keys)); }
  void Have(AwsKeys keys) {
    Renew();
    Turn();
    Give(std::move(keys));
  }
};

TEST_CASE("aws credentials: all who ask at once share one fetch") {
  CredentialsBench bench;
  CHECK(bench.credentials.Current() == nullptr);
  for (int i = 0; i < 5; ++i) bench.Renew();
  bench.Turn();
  CHECK(bench.fetches == 1);
  bench.Give(KeysFor(seconds(3600)));
  CHECK(bench.renewed == 5);
  REQUIRE(bench.credentials.Current() != nullptr);
  CHECK(bench.credentials.Current()->access_key_id == "AKID");
}

TEST_CASE("aws credentials: keys are fetched anew before they end; while that fails the old ones serve until their end") {
  CredentialsBench bench;
  bench.Have(KeysFor(seconds(3600)));
  bench.clock.Advance(seconds(3299));
  CHECK(bench.credentials.Current() != nullptr);
  bench.clock.Advance(seconds(2));
  CHECK(bench.credentials.Current() == nullptr);
  bench.Renew();
  bench.Turn();
  bench.Give(Fail(ErrorCode::kUnavailable, "away"));
  CHECK(bench.failed == 0);  // There are keys.
  CHECK(bench.credentials.Current() != nullptr);
  bench.clock.Advance(seconds(300));
  CHECK(bench.credentials.Current() == nullptr);
}

TEST_CASE("aws credentials: keys without an end serve until they are refused") {
  CredentialsBench bench;
  bench.Have({"AKID", "secret", "", {}});
  bench.clock.Advance(std::chrono::hours(24 * 365));
  CHECK(bench.credentials.Current() != nullptr);
  bench.credentials.Refuse();
  CHECK(bench.credentials.Current() == nullptr);
}

TEST_CASE("aws credentials: after failures fetches become rare, and after a success they are prompt again") {
  CredentialsBench bench;
  for (int i = 0; i < 12; ++i) {
    bench.Renew();
    bench.clock.Advance(seconds(60));
    REQUIRE(bench.fetches == i + 1);
    bench.Give(Fail(ErrorCode::kUnavailable, "away"));
  }
  CHECK(bench.failed == 12);
  // Asked again and again, as fast as can be, for ten minutes.
  const int before = bench.fetches;
  for (int i = 0; i < 600; ++i) {
    bench.Renew();
    bench.clock.Advance(seconds(1));
    if (bench.answer) bench.Give(Fail(ErrorCode::kUnavailable, "away"));
  }
  CHECK(bench.fetches - before < 60);
  bench.Renew();
  bench.clock.Advance(seconds(60));
  bench.Give(KeysFor(seconds(3600)));
  bench.credentials.Refuse();
  bench.Renew();
  bench.Turn();
  CHECK(bench.answer != nullptr);
}

TEST_CASE("aws keys: what the endpoints hand out is understood; what is not keys is an error that does not say what it read") {
  const WallTime now{seconds(1'790'000'000)};  // 2026-09-21T14:13:20Z
  const auto container = ParseContainerKeys(
      R"({"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2026-09-21T15:13:20Z","RoleArn":"arn"})", now);
  REQUIRE(container);
  CHECK(container->session_token == "T");
  CHECK(container->lifetime == seconds(3600));
  const auto iot = ParseIotKeys(
      R"({"credentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T","expiration":"2026-09-21T15:13:20Z"}})", now);
  REQUIRE(iot);
  CHECK(iot->lifetime == seconds(3600));
  CHECK(*ParseContainerKeys(R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"9999-12-31T23:59:59Z"})", now)->lifetime ==
        std::chrono::hours(24));
  for (const char* text :
       {"", "[]", "<html>canary</html>", R"({"AccessKeyId":"canary"})", R"({"AccessKeyId":"","SecretAccessKey":"canary"})",
        R"({"AccessKeyId":7,"SecretAccessKey":"canary"})", R"({"AccessKeyId":"A","SecretAccessKey":"canary","Expiration":"soon canary"})",
        R"({"AccessKeyId":"A","SecretAccessKey":"canary","Expiration":"2026-09-21T14:13:20Z"})"}) {
    const auto keys = ParseContainerKeys(text, now);
    REQUIRE_MESSAGE(!keys, text);
    CHECK(keys.error().message.find("canary") == std::string::npos);
    CHECK(!ParseIotKeys(text, now));
  }
}

TEST_CASE("aws keys: a shared file is read by profile") {
  const char* text =
      "# mine\n[default]\naws_access_key_id = A\r\naws_secret_access_key=S=/+\n[ edge ]\n; none\naws_access_key_id=E\n"
      "aws_secret_access_key = F\naws_session_token = T\n[half]\naws_access_key_id=H";
  CHECK(ParseSharedKeys(text, "default")->secret_access_key == "S=/+");
  CHECK(ParseSharedKeys(text, "default")->session_token.empty());
  CHECK(ParseSharedKeys(text, "edge")->session_token == "T");
  CHECK(!ParseSharedKeys(text, "half"));
  CHECK(!ParseSharedKeys(text, "none"));
}

TEST_CASE("aws clock: only a difference that AWS would not tolerate is made up for, unless the signature was refused") {
  const WallTime system{seconds(1'790'000'000)};
  AwsClock clock;
  CHECK(!clock.OnDate(system, system + seconds(200), false));
  CHECK(clock.Now(system) == system);
  CHECK(clock.OnDate(system, system + seconds(200), true));
  CHECK(clock.Now(system) == system + seconds(200));
  CHECK(!clock.OnDate(system, system + seconds(201), true));  // It was not the clock.
  CHECK(clock.OnDate(system, system - seconds(7200), false));
  CHECK(clock.Now(system) == system - seconds(7200));
}

/// Fetches from a real place on a real loop.
struct SourceBench {
  Loop loop;

  Result<AwsKeys> Fetch(const AwsAuthConfig& auth) {
    AwsKeySource source(auth, "", loop);
    std::optional<Result<AwsKeys>> fetched;
    source.Fetch([&](Result<AwsKeys> keys) { fetched = std::move(keys); });
    RunUntil(loop, [&] { return fetched.has_value(); });
    return std::move(*fetched);
  }
};

/// A variable of the environment, while it is needed.
struct Variable {
  const char* name;
  Variable(const char* variable, const std::string& value) : name(variable) { setenv(variable, value.c_str(), 1); }
  ~Variable() { unsetenv(name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
};

TEST_CASE("aws key source: a device gets keys for its certificate") {
  const KinesisPeer peer;
  const TempDir dir;
  SourceBench bench;
  const int port = peer.Tell("ServeTls", {{"directory", dir.Path("")}, {"name", "IP:127.0.0.1"}});
  AwsAuthConfig auth;
  auth.type = AwsAuthType::kIot;
  auth.endpoint = "127.0.0.1:" + std::to_string(port);
  auth.role_alias = "gateway";
  auth.thing_name = "press-1";
  auth.tls = {dir.Path("cert.pem"), dir.Path("cert.pem"), dir.Path("key.pem"), ""};
  const Result<AwsKeys> keys = bench.Fetch(auth);
  REQUIRE_MESSAGE(keys, keys.error().message);
  CHECK(keys->session_token.starts_with("token-"));
  CHECK(keys->lifetime > seconds(3500));
  auth.role_alias = "other";
  CHECK(bench.Fetch(auth).error().message.find("status 403") != std::string::npos);
}

TEST_CASE("aws key source: without a choice the environment comes before the shared file, and that before the container") {
  const KinesisPeer peer;
  const TempDir dir;
  SourceBench bench;
  const Variable home("HOME", dir.Path(""));
  CHECK(bench.Fetch({}).error().message.find("AWS_ACCESS_KEY_ID") != std::string::npos);
  const Variable url("AWS_CONTAINER_CREDENTIALS_FULL_URI", peer.Url() + "/container");
  const Variable token("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", dir.Write("token", "container-token\n"));
  CHECK(bench.Fetch({})->access_key_id.starts_with("AKID"));
  dir.Write(".aws/credentials",
            "[default]\naws_access_key_id=FILE\naws_secret_access_key=S\n[edge]\naws_access_key_id=EDGE\naws_secret_access_key=S\n");
  CHECK(bench.Fetch({})->access_key_id == "FILE");
  const Variable profile("AWS_PROFILE", "edge");
  CHECK(bench.Fetch({})->access_key_id == "EDGE");
  const Variable id("AWS_ACCESS_KEY_ID", "ENV");
  const Variable secret("AWS_SECRET_ACCESS_KEY", "S");
  CHECK(bench.Fetch({})->access_key_id == "ENV");
}

TEST_CASE("aws key source: a container's token does not travel in clear to another machine") {
  SourceBench bench;
  AwsAuthConfig auth;
  auth.type = AwsAuthType::kContainer;
  auth.endpoint = "http://192.0.2.1/keys";
  CHECK(bench.Fetch(auth).error().message.find("in clear") != std::string::npos);
}

}  // namespace
}  // namespace sluice
