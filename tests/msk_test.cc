// Tokens for Amazon MSK: their text, and when a new one is made.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "drivers/msk_login.h"
#include "drivers/msk_token.h"
#include "tests/fakes.h"

namespace sluice {
namespace {

using std::chrono::seconds;

std::string Decoded(const std::string& base64url) {
  static const std::string kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : base64url) {
    const std::size_t value = kAlphabet.find(c);
    REQUIRE(value != std::string::npos);
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return bytes;
}

// What aws-msk-iam-sasl-signer-python 1.0.2 makes of the same keys at the same time, but for the order of parameters and the user agent.
TEST_CASE("msk token: it is that of Amazon's own signer") {
  const WallTime now{seconds(1'795'471'200)};  // 2026-11-23T22:00:00Z
  const MskToken bare = MakeMskToken("us-west-2", {"MOCK-ACCESS-KEY", "MOCK-SECRET-KEY", "", {}}, now);
  CHECK(Decoded(bare.text) ==
        "https://kafka.us-west-2.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=MOCK-ACCESS-KEY%2F20261123%2Fus-west-2%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261123T220000Z"
        "&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=831e382eacdf032026fe243321ef4a8cfabbbc651992df9758e8c35173fe54b8&User-Agent=sluice");
  CHECK(bare.expires == now + seconds(900));
  const MskToken session =
      MakeMskToken("eu-central-1", {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjE/+=token", {}}, now);
  const std::string url = Decoded(session.text);
  CHECK(url.find("&X-Amz-Security-Token=IQoJb3JpZ2luX2VjE%2F%2B%3Dtoken&") != std::string::npos);
  CHECK(url.find("&X-Amz-Signature=25ad14dba57bcc5d81fb8c48ba853a39dee90685a084b93fa9dff71fc93df887&") != std::string::npos);
}

/// A login whose fetches are answered by the test.
struct LoginBench {
  FakeClock clock;
  std::function<void(Result<AwsKeys>)> answer;
  std::vector<MskToken> tokens;
  std::vector<std::string> failures;
  MskLogin login{"eu-central-1",
                 [this](auto done) { answer = std::move(done); },
                 clock,
                 7,
                 {[this](const MskToken& token) { tokens.push_back(token); }, [this](const std::string& why) { failures.push_back(why); }}};

  /// True if keys were asked for within so long, and given.
  bool Give(Result<AwsKeys> keys, seconds within = seconds(0)) {
    clock.Advance(within);
    if (!answer) return false;
    std::exchange(answer, nullptr)(std::move(keys));
    return true;
  }
  bool LatestIsOf(const std::string& id) const { return Decoded(tokens.back().text).find("Credential=" + id + "%2F") != std::string::npos; }
};

AwsKeys KeysFor(seconds lifetime, const std::string& id) {
  return {id, "secret", "token", lifetime};
}

TEST_CASE("msk login: while there are no keys each failure is told, and the token comes with the first keys") {
  LoginBench bench;
  bench.login.Ask();
  bench.login.Ask();
  for (int i = 0; i < 5; ++i) REQUIRE(bench.Give(Fail(ErrorCode::kUnavailable, "away"), seconds(60)));
  CHECK(bench.failures == std::vector<std::string>(5, "away"));
  CHECK(bench.tokens.empty());
  REQUIRE(bench.Give(KeysFor(seconds(3600), "A"), seconds(60)));
  CHECK(bench.tokens.size() == 1);
  bench.login.Ask();
  CHECK(bench.tokens.size() == 2);
  CHECK(!bench.Give(KeysFor(seconds(3600), "B"), seconds(60)));
}

TEST_CASE("msk login: a token is good for 15 minutes, but not for longer than its keys") {
  LoginBench bench;
  bench.login.Ask();
  REQUIRE(bench.Give(KeysFor(seconds(1000), "A")));
  const WallTime now = std::chrono::system_clock::now();
  CHECK(bench.tokens[0].expires <= now + seconds(900));
  CHECK(bench.tokens[0].expires > now + seconds(600));
  bench.clock.Advance(seconds(700));
  bench.login.Ask();
  CHECK(bench.tokens[1].expires <= std::chrono::system_clock::now() + seconds(300));
}

TEST_CASE("msk login: when the brokers refuse a token, keys are fetched anew, but not more than twice a minute") {
  LoginBench bench;
  bench.login.Ask();
  REQUIRE(bench.Give(KeysFor(seconds(3600), "A")));
  bench.login.OnRefused();
  REQUIRE(bench.Give(KeysFor(seconds(3600), "B")));
  CHECK(bench.LatestIsOf("B"));
  int fetches = 0;
  for (int i = 0; i < 120; ++i) {
    bench.login.OnRefused();
    if (bench.Give(KeysFor(seconds(3600), "C"), seconds(1))) ++fetches;
  }
  CHECK(fetches >= 3);
  CHECK(fetches <= 4);
}

}  // namespace
}  // namespace sluice
