#include "drivers/mqtt_source.h"

#include <algorithm>
#include <utility>

#include "drivers/mqtt_connect_error.h"
#include "gateway/log.h"

namespace sluice {
namespace {

using State = MqttSourceState;

constexpr std::chrono::milliseconds kCloseLimit{2'000};
constexpr std::chrono::milliseconds kAnswerLimit{1'000};
// A client that has handed over nothing for so long has nothing more; and how often that is awaited.
constexpr std::chrono::milliseconds kQuiet{20};
constexpr int kQuietLooks = 50;
constexpr int kSubscribeFailed = 0x80;

// An MQTT 3.1.1 broker may send a message again at any time, and what one member of a shared subscription has not acknowledged may go to
// another.
bool IsResendingKnown(const MqttSourceConfig& config) {
  return config.protocol_version == 5 &&
         std::none_of(config.subscribe.begin(), config.subscribe.end(),
                      [](const Subscription& subscription) { return subscription.filter.starts_with("$share/"); });
}

}  // namespace

MqttSource::MqttSource(MqttSourceConfig config, AckGate& gate, MqttControl& control, MqttSubscriptions& subscriptions, Loop& loop,
                       Inbox& inbox, std::uint64_t seed)
    : config_(std::move(config)),
      gate_(gate),
      control_(control),
      subscriptions_(subscriptions),
      loop_(loop),
      inbox_(inbox),
      backoff_(config_.reconnect_min, config_.reconnect_max, seed),
      timer_(loop.NewTimer([this] {
        if (closed_) return FinishClose();
        if (status_.state == State::kWaiting) return Dial();
        Drop(false, ended_why_.empty() ? "the broker did not answer in time" : ended_why_);
      })),
      quiet_timer_(loop.NewTimer([this] { LookForQuiet(); })),
      is_drop_count_ours_(!MqttDropCount::IsAskedFor(config_.subscribe)),
      drop_count_(config_.name, loop),
      redelivery_(config_.receive_maximum) {}

template <typename T>
std::function<void(T)> MqttSource::OnLoop(void (MqttSource::*then)(const T&)) {
  return [this, attempt = attempt_, then](T value) {
    loop_.Post([this, attempt, then, value = std::move(value)] {
      if (attempt == attempt_) (this->*then)(value);
    });
  };
}

SourceStatus MqttSource::Status() const {
  static constexpr const char* kStates[] = {"stopped", "dialing", "connecting", "subscribing", "live", "waiting", "paused"};
  SourceStatus status{config_.name,
                      kStates[static_cast<std::size_t>(status_.state)],
                      status_.last_error,
                      {{"sessions_lost", status_.sessions_lost}, {"pauses", status_.pauses}},
                      IsConnected()};
  if (const auto dropped = drop_count_.Dropped()) status.losses["broker_dropped"] = *dropped;
  return status;
}

void MqttSource::Start() {
  Dial();
}

void MqttSource::Dial() {
  status_.state = State::kDialing;
  dialer_ = std::make_unique<BrokerDialer>(loop_, BrokerDialer::Target{config_.host, config_.port, config_.proxy, config_.connect_timeout},
                                           [this](Result<std::unique_ptr<Socket>> broker) { OnDialed(std::move(broker)); });
}

void MqttSource::OnDialed(Result<std::unique_ptr<Socket>> broker) {
  ++attempt_;
  if (!broker) return Drop(false, broker.error().message);
  status_.state = State::kConnecting;
  ended_why_.clear();
  connection_ = inbox_.OpenConnection(config_.name);
  gate_connection_ = std::make_unique<GateConnection>(loop_, inbox_, connection_, std::move(*broker), config_.keepalive / 2,
                                                      [this](GateEnd end, const std::string& why) { OnGateEnded(end, why); });
  gate_.Expect(config_.name, [this](std::unique_ptr<Socket> client) { gate_connection_->Join(std::move(client)); });
  timer_->Start(config_.connect_timeout);
  ConnectClient();
}

void MqttSource::ConnectClient() {
  MqttClient::Handlers handlers;
  handlers.on_event = [this, connection = connection_](Event event) {
    if (redelivery_.OnEvent(event)) {
      event.refusal = Refusal::kDuplicate;
      event.payload.clear();
    }
    inbox_.Push(connection, std::move(event));
  };
  if (is_drop_count_ours_) {
    handlers.on_drop_count = [on_loop = OnLoop(&MqttSource::OnDropCount)](const std::string& payload) {
      if (const auto counter = MqttDropCount::Parse(payload)) on_loop(*counter);
    };
  }
  // The library tells this before the first message, on the same thread.
  auto done = [this, on_loop = OnLoop(&MqttSource::OnConnected)](Result<bool> session_present) {
    if (session_present) redelivery_.OnConnected(*session_present && IsResendingKnown(config_));
    on_loop(std::move(session_present));
  };
  control_.Run([this, gate = gate_.Authority(config_.name), handlers = std::move(handlers), done = std::move(done)] {
    auto client = MqttClient::Create(config_, gate, handlers);
    if (!client) return done(Fail(client.error().code, client.error().message));
    client_ = std::move(*client);
    if (Result<void> called = client_->Connect(done); !called) done(Fail(called.error().code, called.error().message));
  });
}

void MqttSource::OnConnected(const Result<bool>& session_present) {
  if (!session_present) return Drop(false, WhyNotConnected(session_present.error(), ended_why_, config_));
  if (!*session_present && status_.connects > 0) {
    ++status_.sessions_lost;
    Log(LogLevel::kWarning, "mqtt", "the broker has lost the session, and with it what it kept for this source",
        {{"source", config_.name}});
  }
  ++status_.connects;
  // A 3.1.1 broker replays retained messages at every subscribe; with MQTT 5 it is told not to. The first time, the session may be
  // older than the filters in the configuration.
  const bool keep = config_.protocol_version != 5 && config_.retained == RetainedPolicy::kOnce && *session_present && subscribed_;
  if (!keep) return Subscribe(!*session_present);
  Unsubscribe();
  GoLive();
}

void MqttSource::Subscribe(bool is_new) {
  status_.state = State::kSubscribing;
  timer_->Start(config_.connect_timeout);
  control_.Run([this, is_new, done = OnLoop(&MqttSource::OnSubscribed)] {
    is_new ? subscriptions_.Set(config_) : subscriptions_.Add(config_);
    if (Result<void> called = client_->Subscribe(done); !called) done(Fail(called.error().code, called.error().message));
  });
  Unsubscribe();
}

// What the session has from an earlier configuration, at once: until then, what matches it and a new filter comes twice.
void MqttSource::Unsubscribe() {
  control_.Run([this, gone = OnLoop(&MqttSource::OnStraysGone)] {
    const std::vector<std::string> strays = subscriptions_.Strays(config_);
    if (strays.empty()) return;
    if (!client_->Unsubscribe(strays, gone)) gone(false);
  });
}

void MqttSource::OnStraysGone(const bool& gone) {
  if (!gone) {
    return Log(LogLevel::kWarning, "mqtt",
               "the broker still has filters that are not configured any more; it is told at the next connection",
               {{"source", config_.name}});
  }
  Log(LogLevel::kInfo, "mqtt", "filters that are not configured any more are unsubscribed", {{"source", config_.name}});
  control_.Run([this] { subscriptions_.Set(config_); });
}

void MqttSource::OnSubscribed(const Result<std::vector<int>>& granted) {
  if (!granted) return Drop(false, "the broker refused the subscription: " + granted.error().message);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < config_.subscribe.size() && i < granted->size(); ++i) {
    const Subscription& asked = config_.subscribe[i];
    const int got = (*granted)[i];
    if (got == asked.qos) continue;
    if (got >= kSubscribeFailed) ++refused;
    Log(got >= kSubscribeFailed ? LogLevel::kError : LogLevel::kWarning, "mqtt",
        got >= kSubscribeFailed ? "the broker refused a filter" : "the broker granted a lower QoS than asked",
        {{"source", config_.name}, {"filter", asked.filter}, {"asked", std::to_string(asked.qos)}, {"granted", std::to_string(got)}});
  }
  if (refused == config_.subscribe.size()) return Drop(false, "the broker refused every filter");
  subscribed_ = true;
  GoLive();
}

void MqttSource::GoLive() {
  timer_->Stop();
  status_.state = State::kLive;
  status_.last_error.clear();
  live_since_ = loop_.Now();
  Log(LogLevel::kInfo, "mqtt", "connected",
      {{"source", config_.name}, {"broker", config_.host + ":" + std::to_string(config_.port)}, {"client_id", config_.client_id}});
  AskForDropCount();
}

// Never at the cost of the connection: nobody waits for the answer, and it may be no.
void MqttSource::AskForDropCount() {
  if (!is_drop_count_ours_ || std::exchange(drop_count_refused_, true)) return;
  control_.Run([this, done = OnLoop(&MqttSource::OnDropCountAnswered)] { (void)client_->SubscribeToDropCount(done); });
}

void MqttSource::OnDropCountAnswered(const bool& granted) {
  drop_count_refused_ = !granted;
  if (!granted) Log(LogLevel::kDebug, "mqtt", "the broker does not tell how many messages it has dropped", {{"source", config_.name}});
}

void MqttSource::OnDropCount(const std::uint64_t& counter) {
  drop_count_.Note(counter);
}

void MqttSource::OnCut() {
  if (gate_connection_) gate_connection_->OnCut();
}

void MqttSource::OnDurable() {
  if (gate_connection_) gate_connection_->OnDurable();
  if (status_.state != State::kPaused || inbox_.IsFull() || quiet_) return;
  status_.state = State::kWaiting;
  timer_->Start(backoff_.Next());
}

void MqttSource::OnGateEnded(GateEnd end, const std::string& why) {
  if (closed_) return FinishClose();
  if (status_.state == State::kConnecting && end == GateEnd::kClosed) {
    // The library has the broker's reason, if there is one, and is about to tell it.
    ended_why_ = why;
    timer_->Start(kAnswerLimit);
    return;
  }
  Drop(end == GateEnd::kHeld, why);
}

void MqttSource::Drop(bool paused, const std::string& why) {
  const bool was_live = status_.state == State::kLive;
  if (was_live) ++status_.disconnects;
  if (was_live && loop_.Now() - live_since_ > config_.reconnect_max) backoff_.Reset();
  if (status_.last_error != why) {
    Log(LogLevel::kWarning, "mqtt", paused ? "paused: the broker keeps the messages" : "not connected, trying again",
        {{"source", config_.name}, {"reason", why}});
  }
  status_.last_error = why;
  ++attempt_;
  timer_->Stop();
  gate_.Forget(config_.name);
  const std::uint64_t released = gate_connection_ ? gate_connection_->released() : 0;
  gate_connection_.reset();
  DestroyClient(released, paused ? inbox_.CloseConnection(connection_) : Redelivery::kAll);
  if (quiet_) return;
  if (paused) {
    drop_count_refused_ = false;  // The answer may have been held up by us.
    ++status_.pauses;
    status_.state = State::kPaused;
    return;
  }
  status_.state = State::kWaiting;
  timer_->Start(backoff_.Next());
}

void MqttSource::DestroyClient(std::uint64_t released, std::uint64_t kept) {
  if (connection_ == 0) return;
  control_.Run([this, connection = std::exchange(connection_, 0), released, kept] {
    client_.reset();
    redelivery_.OnEnded(released, kept);
    loop_.Post([this, connection] { inbox_.RetireConnection(connection); });
  });
}

void MqttSource::Quiesce(std::function<void()> stopped) {
  quiet_ = true;
  timer_->Stop();
  dialer_.reset();
  if (!gate_connection_) return loop_.Post(std::move(stopped));
  gate_connection_->StopReading();
  quiesced_ = std::move(stopped);
  quiet_looks_ = 0;
  LookForQuiet();
}

// What the client library has in its buffers is handed over yet. What came behind the last transaction would hold up the acknowledgements
// of all before it, and the broker would send those events again.
void MqttSource::LookForQuiet() {
  // A connection that has ended hands over nothing more.
  if (!gate_connection_) return std::exchange(quiesced_, nullptr)();
  const std::uint64_t handed = inbox_.HandedCount(connection_);
  const bool quiet = std::exchange(handed_seen_, handed) == handed && quiet_looks_ > 0;
  if (quiet || ++quiet_looks_ > kQuietLooks) return std::exchange(quiesced_, nullptr)();
  quiet_timer_->Start(kQuiet);
}

void MqttSource::Close(std::function<void()> closed) {
  closed_ = std::move(closed);
  if (status_.state != State::kLive || !gate_connection_) return FinishClose();
  gate_connection_->OnDurable();
  timer_->Start(kCloseLimit);
  control_.Run([this] {
    if (client_) client_->Disconnect();
  });
}

void MqttSource::FinishClose() {
  if (status_.state == State::kStopped) return;
  status_.state = State::kStopped;
  ++attempt_;
  timer_->Stop();
  gate_.Forget(config_.name);
  gate_connection_.reset();
  control_.Run([this] {
    client_.reset();
    loop_.Post([this] { closed_(); });
  });
}

}  // namespace sluice
