#include "drivers/mqtt_sink.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "drivers/mqtt_connect_error.h"
#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kCloseLimit{2'000};
// The library tells within this why a connection ended.
constexpr std::chrono::milliseconds kReasonLimit{1'000};
// A broker that keeps the connection alive but acknowledges nothing for so long is left.
constexpr std::chrono::milliseconds kAnswerLimit{60'000};

}  // namespace

MqttSink::MqttSink(const std::string& name, const std::string& lane_class, const MqttSinkConfig& config, const Identity& identity,
                   AckGate& gate, MqttControl& control, Loop& loop)
    : name_(name),
      config_(config),
      client_id_(config.client_id + "-" + lane_class),
      gate_name_("sink." + name + "." + lane_class),
      gate_(gate),
      control_(control),
      loop_(loop),
      cloud_event_(identity),
      timer_(loop.NewTimer([this] { OnTimer(); })) {}

template <typename T>
std::function<void(T)> MqttSink::OnLoop(void (MqttSink::*then)(const T&)) {
  return [this, connection = connection_, then](T value) {
    loop_.Post([this, connection, then, value = std::move(value)] {
      if (connection == connection_) (this->*then)(value);
    });
  };
}

void MqttSink::Open(SinkListener& listener) {
  listener_ = &listener;
  Dial();
}

void MqttSink::Send(const Row& row) {
  cloud_event_.Set(row);
  window_.Add(row.seq, row.Key(), MakeMqttMessage(cloud_event_, row, config_.protocol_version, std::chrono::system_clock::now()));
  if (state_ == State::kOff) Dial();
}

void MqttSink::Flush() {
  Pump();
}

void MqttSink::Dial() {
  state_ = State::kDialing;
  dialer_ = std::make_unique<BrokerDialer>(loop_, BrokerDialer::Target{config_.host, config_.port, config_.proxy, config_.connect_timeout},
                                           [this](Result<std::unique_ptr<Socket>> broker) { OnDialed(std::move(broker)); });
}

void MqttSink::OnDialed(Result<std::unique_ptr<Socket>> broker) {
  if (!broker) return Drop({false, broker.error().message});
  state_ = State::kConnecting;
  ++connection_;
  relay_ = std::make_unique<GateRelay>(std::move(*broker), [this](const std::string& why) { OnRelayEnded(why); });
  gate_.Expect(gate_name_, [this](std::unique_ptr<Socket> client) { relay_->Join(std::move(client)); });
  timer_->Start(config_.connect_timeout);
  Connect();
}

void MqttSink::Connect() {
  MqttPublisher::Listener listener{OnLoop(&MqttSink::OnReceipt), OnLoop(&MqttSink::OnLost)};
  control_.Run([this, gate = gate_.Authority(gate_name_), listener = std::move(listener), done = OnLoop(&MqttSink::OnConnected)] {
    auto publisher = MqttPublisher::Create(config_, client_id_, gate, listener);
    if (!publisher) return done(Fail(publisher.error().code, publisher.error().message));
    publisher_ = std::move(*publisher);
    if (Result<void> called = publisher_->Connect(done); !called) done(Fail(called.error().code, called.error().message));
  });
}

void MqttSink::OnConnected(const Result<MqttLimits>& limits) {
  if (!limits) return Drop({false, WhyNotConnected(limits.error(), ended_why_, config_)});
  if (!ended_why_.empty()) return;  // Connected, and gone since.
  limits_ = *limits;
  limits_.max_packet = static_cast<std::uint32_t>(std::min<Bytes>(limits_.max_packet, config_.max_packet));
  window_.SetSize(std::min<std::size_t>(limits_.receive_maximum, kMaxOnTheWay));
  state_ = State::kLive;
  timer_->Stop();
  last_error_.clear();
  Log(LogLevel::kInfo, "mqtt", "sink connected",
      {{"sink", name_}, {"broker", config_.host + ":" + std::to_string(config_.port)}, {"client_id", client_id_}});
  Pump();
}

void MqttSink::Pump() {
  if (state_ != State::kLive || !ended_why_.empty()) return;
  const auto answer = OnLoop(&MqttSink::OnReceipt);
  std::vector<MqttWindow::Departure> departures;
  while (std::optional<MqttWindow::Departure> next = window_.Next()) {
    const std::string never = WhyNever(next->message, config_.protocol_version, limits_);
    if (never.empty()) {
      departures.push_back(std::move(*next));
    } else {
      answer({next->number, Verdict::kRejected, never});
    }
  }
  if (departures.empty()) return;
  if (!timer_->IsActive()) timer_->Start(kAnswerLimit);
  control_.Run([this, departures = std::move(departures)]() mutable {
    for (MqttWindow::Departure& one : departures) publisher_->Publish(one.number, std::move(one.message));
  });
}

void MqttSink::OnReceipt(const MqttReceipt& receipt) {
  const std::optional<Seq> seq = window_.OnAnswer(receipt.number, receipt.verdict == Verdict::kDelivered);
  if (ended_why_.empty()) {
    timer_->Stop();
    if (window_.OnTheWay() > 0) timer_->Start(kAnswerLimit);
  }
  if (seq) TellVerdict(*seq, receipt.verdict, receipt.reason);
  // Answers that came together are one group; with each there is room for more.
  if (group_open_) return;
  group_open_ = true;
  loop_.Post([this] { EndGroup(); });
}

void MqttSink::EndGroup() {
  if (!std::exchange(group_open_, false) || closed_) return;
  listener_->OnVerdictsDone();
  Pump();
}

void MqttSink::TellVerdict(Seq seq, Verdict verdict, const std::string& reason) {
  if (!closed_) listener_->OnVerdict(seq, verdict, reason);
}

void MqttSink::OnRelayEnded(const std::string& why) {
  if (closed_) return FinishClose();
  ended_why_ = why;
  timer_->Start(kReasonLimit);
}

void MqttSink::OnLost(const MqttLoss& loss) {
  if (closed_) return FinishClose();
  Drop(loss);
}

void MqttSink::OnTimer() {
  if (closed_) return FinishClose();
  if (!ended_why_.empty()) return Drop({false, ended_why_});
  Drop({false, state_ == State::kLive ? "the broker does not acknowledge" : "the broker did not answer in time"});
}

void MqttSink::Drop(const MqttLoss& loss) {
  Disconnect();
  state_ = State::kOff;
  const MqttWindow::Abandoned abandoned = window_.Abandon();
  const bool any = !abandoned.sent.empty() || !abandoned.waiting.empty();
  // With rows at hand the forwarder tells it.
  if (!any && loss.reason != last_error_) Log(LogLevel::kWarning, "mqtt", "sink not connected", {{"sink", name_}, {"reason", loss.reason}});
  last_error_ = loss.reason;
  for (Seq seq : abandoned.sent) TellVerdict(seq, loss.blames_message ? Verdict::kRejected : Verdict::kRetry, loss.reason);
  for (Seq seq : abandoned.waiting) TellVerdict(seq, Verdict::kRetry, loss.reason);
  group_open_ = false;
  if (any) listener_->OnVerdictsDone();
}

void MqttSink::Disconnect() {
  ++connection_;
  timer_->Stop();
  dialer_.reset();
  gate_.Forget(gate_name_);
  relay_.reset();
  ended_why_.clear();
  control_.Run([this] { publisher_.reset(); });
}

void MqttSink::Reset(std::function<void()> ready) {
  window_.Clear();
  group_open_ = false;
  loop_.Post(std::move(ready));
}

void MqttSink::Close(std::function<void()> closed) {
  closed_ = std::move(closed);
  window_.Clear();
  if (state_ != State::kLive) return FinishClose();
  timer_->Start(kCloseLimit);
  control_.Run([this] {
    if (publisher_) publisher_->Disconnect();
  });
}

void MqttSink::FinishClose() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  Disconnect();
  // After the publisher is gone: nothing of it can come any more.
  control_.Run([this] { loop_.Post([this] { closed_(); }); });
}

}  // namespace sluice
