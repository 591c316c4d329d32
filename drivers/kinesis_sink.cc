#include "drivers/kinesis_sink.h"

#include <utility>

#include "drivers/aws_signature.h"
#include "drivers/cloud_event_json.h"
#include "drivers/kinesis_request.h"
#include "gateway/log.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr const char* kService = "kinesis";
constexpr std::size_t kMaxCalls = 4;
constexpr std::size_t kSlowestLink = 8u << 10;  // Bytes a second; on a slower one calls would never end in time.
// A shard's allowance is counted by the second.
constexpr milliseconds kRecordRetryMin{100};
constexpr milliseconds kRecordRetryMax{1'000};
constexpr std::chrono::minutes kTellEvery{1};

WallTime SystemNow() {
  return std::chrono::system_clock::now();
}

}  // namespace

Result<std::unique_ptr<Sink>> KinesisSink::Create(const std::string& name, const KinesisSinkConfig& config, const Identity& identity,
                                                  Loop& loop, std::uint64_t seed) {
  Result<Endpoint> endpoint = Endpoint::Parse(config.endpoint);
  if (!endpoint) return tl::unexpected<Error>(endpoint.error());
  return std::unique_ptr<Sink>(new KinesisSink(name, config, std::move(*endpoint), identity, loop, seed));
}

KinesisSink::KinesisSink(const std::string& name, const KinesisSinkConfig& config, Endpoint endpoint, const Identity& identity, Loop& loop,
                         std::uint64_t seed)
    : name_(name),
      config_(config),
      endpoint_(std::move(endpoint)),
      cloud_event_(identity),
      loop_(loop),
      key_source_(config_.auth, config_.proxy, loop),
      credentials_([this](AwsKeySource::Done done) { key_source_.Fetch(std::move(done)); }, loop, seed),
      http_(loop),
      tell_timer_(loop.NewTimer([this] {
        if (TellRefusals()) listener_->OnVerdictsDone();
      })),
      retry_backoff_(kRecordRetryMin, kRecordRetryMax, seed),
      retry_timer_(loop.NewTimer([this] {
        queue_.Wake();
        Pump();
      })) {}

void KinesisSink::Open(SinkListener& listener) {
  listener_ = &listener;
}

void KinesisSink::Send(const Row& row) {
  cloud_event_.Set(row);
  KinesisRecord record{row.seq, row.destination.empty() ? config_.stream : row.destination, {}};
  AppendCloudEventJson(cloud_event_, row, record.data);
  const std::string partition_key = PartitionKeyOf(row.Key());
  const std::size_t size = record.data.size() + partition_key.size();
  if (size <= kMaxRecordBytes) return queue_.Push(row.Key(), partition_key, std::move(record));
  stopped_ = true;
  refusals_.push_back({row.seq, Verdict::kRejected, "a record of " + std::to_string(size) + " bytes is more than Kinesis takes"});
  tell_timer_->Start(milliseconds(0));
}

void KinesisSink::Flush() {
  Pump();
}

void KinesisSink::Pump() {
  while (!stopped_ && !renewing_ && calls_ < kMaxCalls && queue_.HasReady()) {
    if (const AwsKeys* keys = credentials_.Current()) {
      StartCall(*keys);
    } else {
      RenewKeys();
    }
  }
}

void KinesisSink::RenewKeys() {
  renewing_ = true;
  credentials_.Renew([this](const Result<void>& renewed) {
    renewing_ = false;
    if (renewed) return Pump();
    Refuse(queue_.TakeCall(), Verdict::kRetry, renewed.error().message);
    tell_timer_->Start(milliseconds(0));
  });
}

void KinesisSink::StartCall(const AwsKeys& keys) {
  const Call call = queue_.TakeCall();
  std::size_t bytes = 0;
  for (const KinesisQueue::Line* line : call) bytes += line->FrontBytes();
  PutRecordsBody body(bytes);
  for (const KinesisQueue::Line* line : call) body.Add(line->records.front().data, line->partition_key);
  ++calls_;
  http_.Send(MakeRequest(body.Finish(call.front()->records.front().stream), keys),
             [this, call](const Result<HttpAnswer>& answer) { OnAnswer(call, answer); });
}

HttpRequest KinesisSink::MakeRequest(std::string body, const AwsKeys& keys) const {
  AwsRequest to_sign;
  to_sign.host = endpoint_.authority;
  to_sign.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", "Kinesis_20131202.PutRecords"}};
  to_sign.body = body;
  const std::vector<Property> added = SignAwsRequest(to_sign, keys, {config_.region, kService}, clock_.Now(SystemNow()));
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

void KinesisSink::OnAnswer(const Call& call, const Result<HttpAnswer>& answer) {
  --calls_;
  bool told = false;
  if (!answer) {
    Refuse(call, Verdict::kRetry, answer.error().message);
  } else {
    const KinesisOutcome outcome = ReadPutRecordsAnswer(*answer, call.size());
    LearnFrom(*answer, outcome.failure);
    if (outcome.failure) {
      Refuse(call, outcome.failure->verdict, outcome.failure->reason);
    } else {
      told = Settle(call, outcome.errors);
    }
  }
  told |= TellRefusals();
  if (told) listener_->OnVerdictsDone();
  Pump();
}

void KinesisSink::LearnFrom(const HttpAnswer& answer, const std::optional<KinesisFailure>& failure) {
  const bool signature_refused = failure && failure->signature_refused;
  const bool corrected = answer.date && clock_.OnDate(SystemNow(), *answer.date, signature_refused);
  if (corrected) {
    Log(LogLevel::kWarning, "kinesis", "the clock is not that of AWS; signing with theirs",
        {{"sink", name_}, {"seconds", std::to_string(clock_.correction().count())}});
  }
  // With the wrong time the right keys are refused, too.
  if (failure && failure->keys_refused && !(signature_refused && corrected)) credentials_.Refuse();
}

bool KinesisSink::Settle(const Call& call, const std::vector<std::string>& errors) {
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < call.size(); ++i) {
    if (errors[i].empty()) {
      listener_->OnVerdict(call[i]->records.front().seq, Verdict::kDelivered, "");
      queue_.Delivered(call[i]);
    } else {
      queue_.Wait(call[i]);
      if (waiting++ == 0) TellWaiting(errors[i]);
    }
  }
  if (waiting == 0) retry_backoff_.Reset();
  if (waiting > 0 && !retry_timer_->IsActive()) retry_timer_->Start(retry_backoff_.Next());
  return waiting < call.size();
}

void KinesisSink::TellWaiting(const std::string& error) {
  const MonotonicTime now = loop_.Now();
  if (now < silent_until_) return;
  silent_until_ = now + kTellEvery;
  Log(LogLevel::kInfo, "kinesis", "records are not taken for the moment, sending them again", {{"sink", name_}, {"reason", error}});
}

void KinesisSink::Refuse(const Call& call, Verdict verdict, const std::string& reason) {
  if (call.empty()) return;
  stopped_ = true;
  for (const KinesisQueue::Line* line : call) refusals_.push_back({line->records.front().seq, verdict, reason});
}

bool KinesisSink::TellRefusals() {
  if (calls_ > 0 || refusals_.empty()) return false;
  for (const Refusal& refusal : std::exchange(refusals_, {})) listener_->OnVerdict(refusal.seq, refusal.verdict, refusal.reason);
  return true;
}

void KinesisSink::Forget() {
  http_.CancelAll();
  calls_ = 0;
  queue_.Clear();
  refusals_.clear();
  stopped_ = false;
  tell_timer_->Stop();
  retry_timer_->Stop();
  retry_backoff_.Reset();
}

void KinesisSink::Reset(std::function<void()> ready) {
  Forget();
  loop_.Post(std::move(ready));
}

void KinesisSink::Close(std::function<void()> closed) {
  Forget();
  loop_.Post(std::move(closed));
}

}  // namespace sluice
