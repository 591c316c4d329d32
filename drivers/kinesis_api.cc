#include "drivers/kinesis_api.h"

#include <utility>

#include "drivers/aws_signature.h"
#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::size_t kSlowestLink = 8u << 10;  // Bytes a second; on a slower one calls would never end in time.

WallTime SystemNow() {
  return std::chrono::system_clock::now();
}

}  // namespace

Result<std::unique_ptr<KinesisApi>> KinesisApi::Create(const std::string& sink, const KinesisSinkConfig& config, Loop& loop,
                                                       std::uint64_t seed) {
  Result<Endpoint> endpoint = Endpoint::Parse(config.endpoint);
  if (!endpoint) return tl::unexpected<Error>(endpoint.error());
  return std::unique_ptr<KinesisApi>(new KinesisApi(sink, config, std::move(*endpoint), loop, seed));
}

KinesisApi::KinesisApi(const std::string& sink, const KinesisSinkConfig& config, Endpoint endpoint, Loop& loop, std::uint64_t seed)
    : sink_(sink),
      config_(config),
      endpoint_(std::move(endpoint)),
      key_source_(config_.auth, config_.proxy, loop),
      credentials_([this](AwsKeySource::Done done) { key_source_.Fetch(std::move(done)); }, loop, seed),
      http_(loop) {}

void KinesisApi::PutRecords(std::string body, std::size_t records, std::function<void(const KinesisOutcome&)> done) {
  http_.Send(MakeRequest(std::move(body)),
             [this, records, done = std::move(done)](const Result<HttpAnswer>& answer) { done(Judge(answer, records)); });
}

HttpRequest KinesisApi::MakeRequest(std::string body) const {
  AwsRequest to_sign;
  to_sign.host = endpoint_.authority;
  to_sign.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", "Kinesis_20131202.PutRecords"}};
  to_sign.body = body;
  const AwsScope scope{config_.region, "kinesis"};
  const std::vector<Property> added = SignAwsRequest(to_sign, *credentials_.Current(), scope, clock_.Now(SystemNow()));
  HttpRequest request;
  request.url = endpoint_.Url() + "/";
  request.headers = std::move(to_sign.headers);
  request.headers.insert(request.headers.end(), added.begin(), added.end());
  request.tls = config_.tls;
  request.proxy = config_.proxy;
  request.connect_limit = config_.connect_timeout;
  request.time_limit = config_.timeout + std::chrono::seconds(body.size() / kSlowestLink);
  request.body = std::move(body);
  return request;
}

KinesisOutcome KinesisApi::Judge(const Result<HttpAnswer>& answer, std::size_t records) {
  KinesisOutcome outcome;
  if (!answer) {
    outcome.failure.emplace().reason = answer.error().message;
    return outcome;
  }
  outcome = ReadPutRecordsAnswer(*answer, records);
  LearnFrom(*answer, outcome.failure);
  return outcome;
}

void KinesisApi::LearnFrom(const HttpAnswer& answer, const std::optional<KinesisFailure>& failure) {
  const bool signature_refused = failure && failure->signature_refused;
  const bool corrected = answer.date && clock_.OnDate(SystemNow(), *answer.date, signature_refused);
  if (corrected) {
    Log(LogLevel::kWarning, "kinesis", "the clock is not that of AWS; signing with theirs",
        {{"sink", sink_}, {"seconds", std::to_string(clock_.correction().count())}});
  }
  // With the wrong time the right keys are refused, too.
  if (failure && failure->keys_refused && !(signature_refused && corrected)) credentials_.Refuse();
}

}  // namespace sluice
