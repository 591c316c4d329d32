#include "drivers/kinesis_sink.h"

#include <utility>

#include "drivers/cloud_event_json.h"
#include "drivers/kinesis_request.h"
#include "gateway/log.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxCalls = 4;
// A shard's allowance is counted by the second.
constexpr milliseconds kRecordRetryMin{100};
constexpr milliseconds kRecordRetryMax{1'000};
constexpr std::chrono::minutes kTellEvery{1};

}  // namespace

Result<std::unique_ptr<Sink>> KinesisSink::Create(const std::string& name, const KinesisSinkConfig& config, const Identity& identity,
                                                  Loop& loop, std::uint64_t seed) {
  Result<std::unique_ptr<KinesisApi>> api = KinesisApi::Create(name, config, loop, seed);
  if (!api) return tl::unexpected<Error>(api.error());
  return std::unique_ptr<Sink>(new KinesisSink(name, config.stream, std::move(*api), identity, loop, seed));
}

KinesisSink::KinesisSink(const std::string& name, const std::string& stream, std::unique_ptr<KinesisApi> api, const Identity& identity,
                         Loop& loop, std::uint64_t seed)
    : name_(name),
      stream_(stream),
      cloud_event_(identity),
      loop_(loop),
      api_(std::move(api)),
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
  KinesisRecord record{row.seq, row.destination.empty() ? stream_ : row.destination, {}};
  if (row.bare) {
    record.data = row.event.payload;
  } else {
    AppendCloudEventJson(cloud_event_, row, record.data);
  }
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
    if (api_->HasKeys()) {
      StartCall();
    } else {
      RenewKeys();
    }
  }
}

void KinesisSink::RenewKeys() {
  renewing_ = true;
  api_->RenewKeys([this](const Result<void>& renewed) {
    renewing_ = false;
    if (renewed) return Pump();
    Refuse(queue_.TakeCall(), Verdict::kRetry, renewed.error().message);
    tell_timer_->Start(milliseconds(0));
  });
}

void KinesisSink::StartCall() {
  const Call call = queue_.TakeCall();
  std::size_t bytes = 0;
  for (const KinesisQueue::Line* line : call) bytes += line->FrontBytes();
  PutRecordsBody body(bytes);
  for (const KinesisQueue::Line* line : call) body.Add(line->records.front().data, line->partition_key);
  ++calls_;
  api_->PutRecords(body.Finish(call.front()->records.front().stream), call.size(),
                   [this, call](const KinesisOutcome& outcome) { OnOutcome(call, outcome); });
}

void KinesisSink::OnOutcome(const Call& call, const KinesisOutcome& outcome) {
  --calls_;
  bool told = false;
  if (outcome.failure) {
    Refuse(call, outcome.failure->verdict, outcome.failure->reason);
  } else {
    told = Settle(call, outcome.errors);
  }
  told |= TellRefusals();
  if (told) listener_->OnVerdictsDone();
  Pump();
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
  api_->CancelAll();
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
