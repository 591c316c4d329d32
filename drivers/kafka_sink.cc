#include "drivers/kafka_sink.h"

#include <cstdlib>
#include <random>
#include <utility>

#include "gateway/log.h"

namespace sluice {
namespace {

// After so long without it, throttling is over.
constexpr std::chrono::milliseconds kThrottleQuiet{30'000};
// A broker that cannot be reached, and nothing delivered for so long: that is trouble.
constexpr std::chrono::milliseconds kDoubt{5'000};
constexpr std::chrono::milliseconds kRemake{5'000};

void Add(rd_kafka_headers_t* headers, std::string_view name, std::string_view value) {
  rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(), static_cast<ssize_t>(value.size()));
}

rd_kafka_headers_t* MakeHeaders(const CloudEvent& event, const Row& row) {
  rd_kafka_headers_t* headers = rd_kafka_headers_new((row.bare ? 0 : CloudEvent::kMaxAttributes + 1) + row.event.properties.size());
  if (!row.bare) {
    event.ForEachAttribute([&](std::string_view name, std::string_view value) { Add(headers, name, value); });
    if (!row.event.content_type.empty()) Add(headers, "content-type", row.event.content_type);
  }
  for (const Property& property : row.event.properties) {
    // A publisher cannot pass for us: what would look like an attribute of ours is not carried.
    if (!property.name.starts_with("ce_") && property.name != "content-type") Add(headers, property.name, property.value);
  }
  return headers;
}

}  // namespace

Result<std::unique_ptr<Sink>> KafkaSink::Create(const std::string& name, const KafkaSinkConfig& config, const Identity& identity,
                                                Loop& loop) {
  Result<std::unique_ptr<KafkaProducer>> producer = KafkaProducer::Create(name, config);
  if (!producer) return tl::unexpected<Error>(producer.error());
  return std::unique_ptr<Sink>(new KafkaSink(name, config, identity, loop, std::move(*producer)));
}

KafkaSink::KafkaSink(const std::string& name, const KafkaSinkConfig& config, const Identity& identity, Loop& loop,
                     std::unique_ptr<KafkaProducer> producer)
    : name_(name),
      config_(config),
      cloud_event_(identity),
      loop_(loop),
      throttle_timer_(loop.NewTimer([this] {
        Log(LogLevel::kInfo, "kafka", "the brokers slow us down no more", {{"sink", name_}});
      })),
      producer_(std::move(producer)),
      doubt_timer_(loop.NewTimer([this] { TellDoubt(); })),
      remake_timer_(loop.NewTimer([this] { Remake(); })),
      unsent_timer_(loop.NewTimer([this] { TellUnsent(); })) {}

void KafkaSink::Open(SinkListener& listener) {
  listener_ = &listener;
  if (config_.msk_iam) SignIn();
  Watch();
}

void KafkaSink::SignIn() {
  key_source_ = std::make_unique<AwsKeySource>(config_.msk_iam->credentials, "", loop_);
  login_ = std::make_unique<MskLogin>(
      config_.msk_iam->region, [this](AwsKeySource::Done done) { key_source_->Fetch(std::move(done)); }, loop_, std::random_device()(),
      MskLogin::Listener{[this](const MskToken& token) { OnToken(token); },
                         [this](const std::string& reason) { TellTrouble(trouble_.OnNoKeys(), reason); }});
}

void KafkaSink::Watch() {
  watch_ = std::make_unique<FdWatch>(loop_, producer_->event_fd(), [this](int) { OnReports(); });
  watch_->SetEvents(UV_READABLE);
  // The library's first wish for a token is older than our watch.
  if (login_) login_->Ask();
}

void KafkaSink::Send(const Row& row) {
  cloud_event_.Set(row);
  const rd_kafka_resp_err_t error =
      producer_->Produce(row.destination, row.Key(), row.event.payload, MakeHeaders(cloud_event_, row), row.seq);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  unsent_.push_back({row.seq, error, row.destination});
  unsent_timer_->Start(std::chrono::milliseconds(0));
}

// The library sends what has gathered in linger.ms. Its own flush, without waiting, wakes all its threads and most often sends nothing.
void KafkaSink::Flush() {}

void KafkaSink::OnReports() {
  bool any = false;
  producer_->Drain({.on_report =
                        [&](const KafkaReport& report) {
                          any = true;
                          Answer(report);
                        },
                    .on_error = [this](rd_kafka_resp_err_t error, const std::string& text) { OnError(error, text); },
                    .on_throttle = [this](std::chrono::milliseconds wait) { OnThrottle(wait); },
                    .on_token_wanted = [this] { login_->Ask(); }});
  if (any) listener_->OnVerdictsDone();
}

void KafkaSink::TellUnsent() {
  for (const KafkaReport& unsent : std::exchange(unsent_, {})) Answer(unsent);
  listener_->OnVerdictsDone();
}

void KafkaSink::Answer(const KafkaReport& report) {
  const Verdict verdict = KafkaVerdict(report.error);
  if (verdict == Verdict::kDelivered) doubt_timer_->Stop();
  listener_->OnVerdict(report.opaque, verdict, verdict == Verdict::kDelivered ? "" : KafkaReason(report.error, report.topic));
  if (verdict == Verdict::kDelivered && trouble_.OnDelivered()) {
    Log(LogLevel::kInfo, "kafka", "the trouble is over, events are delivered", {{"sink", name_}});
  }
}

void KafkaSink::OnError(rd_kafka_resp_err_t error, const std::string& text) {
  const std::string advice = trouble_.OnError(error);
  // It does not always say that no broker is left, if none was there from the beginning.
  if (error == RD_KAFKA_RESP_ERR__TRANSPORT && !doubt_timer_->IsActive()) {
    doubt_ = text;
    doubt_timer_->Start(kDoubt);
  }
  if (advice.empty()) Log(LogLevel::kDebug, "kafka", "the client reports an error", {{"sink", name_}, {"reason", text}});
  TellTrouble(advice, text);
  if (login_ && error == RD_KAFKA_RESP_ERR__AUTHENTICATION) login_->OnRefused();
}

// The library is not told when there is no token: it would call that a refusal by the brokers. Its wish stands until there is one.
void KafkaSink::OnToken(const MskToken& token) {
  if (producer_ == nullptr) return;  // The next one asks by itself.
  if (Result<void> set = producer_->SetToken(token.text, token.expires); !set) {
    Log(LogLevel::kError, "kafka", "the client does not take the token", {{"sink", name_}, {"reason", set.error().message}});
  }
}

void KafkaSink::TellTrouble(const std::string& advice, const std::string& reason) {
  if (advice.empty()) return;
  Log(LogLevel::kWarning, "kafka", "events are kept, since " + advice, {{"sink", name_}, {"reason", reason}});
  listener_->OnTrouble(advice + " (" + reason + ")");
}

void KafkaSink::OnThrottle(std::chrono::milliseconds wait) {
  const bool is_known = throttle_timer_->IsActive();
  throttle_timer_->Start(kThrottleQuiet);
  if (is_known) return;
  Log(LogLevel::kWarning, "kafka", "the brokers slow us down: raise this client's quota, or send less",
      {{"sink", name_}, {"wait_ms", std::to_string(wait.count())}});
}

// With other brokers something would have been delivered, if there was anything.
void KafkaSink::TellDoubt() {
  if (producer_ && producer_->HasUndelivered()) TellTrouble(trouble_.OnError(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN), doubt_);
}

void KafkaSink::Discard(std::function<void()> discarded) {
  watch_.reset();
  unsent_.clear();
  unsent_timer_->Stop();
  doubt_timer_->Stop();
  remake_timer_->Stop();
  // std::function wants to copy what it holds, so the pointer travels bare.
  KafkaProducer* producer = producer_.release();
  loop_.Background([producer] { std::unique_ptr<KafkaProducer> ended(producer); }, std::move(discarded));
}

void KafkaSink::Reset(std::function<void()> ready) {
  resetting_ = true;
  Discard([this, ready = std::move(ready)] {
    resetting_ = false;
    if (closed_) return std::exchange(closed_, nullptr)();
    ready_ = std::move(ready);
    Remake();
  });
}

// The same settings made one before; but its certificate may be gone, or not fit its key until both are replaced.
void KafkaSink::Remake() {
  Result<std::unique_ptr<KafkaProducer>> producer = KafkaProducer::Create(name_, config_);
  if (!producer) {
    Log(LogLevel::kError, "kafka", "cannot connect, trying again", {{"sink", name_}, {"reason", producer.error().message}});
    listener_->OnTrouble(producer.error().message);
    return remake_timer_->Start(kRemake);
  }
  producer_ = std::move(*producer);
  Watch();
  std::exchange(ready_, nullptr)();
}

void KafkaSink::Close(std::function<void()> closed) {
  // The producer before is being destroyed, and calls back when it is.
  if (resetting_) {
    closed_ = std::move(closed);
    return;
  }
  Discard(std::move(closed));
}

}  // namespace sluice
