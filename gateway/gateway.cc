#include "gateway/gateway.h"

#include <random>
#include <utility>

#include "gateway/log.h"

namespace sluice {
namespace {

constexpr std::chrono::minutes kExpireEvery{10};

std::vector<std::size_t> MaxDestinations(const Config& config) {
  std::vector<std::size_t> max;
  for (const SinkConfig& sink : config.sinks) max.push_back(sink.max_destinations);
  return max;
}

}  // namespace

Gateway::Gateway(const Config& config, Router router, Parts parts)
    : clock_(parts.clock),
      store_(parts.store),
      router_(std::move(router)),
      destinations_(MaxDestinations(config)),
      sinks_(std::move(parts.sinks)),
      sources_(std::move(parts.sources)),
      committer_(config.outbox.commit_every, parts.last_seq, router_, destinations_, parts.inbox, parts.store, parts.clock,
                 {.on_cut =
                      [this] {
                        for (auto& source : sources_) source->OnCut();
                      },
                  .on_durable =
                      [this] {
                        for (auto& source : sources_) source->OnDurable();
                      }}),
      expiry_timer_(clock_.NewTimer([this] { ExpireLetters(); })) {
  MakeForwarders(config, parts.lanes);
}

void Gateway::MakeForwarders(const Config& config, const std::vector<LaneState>& lanes) {
  std::random_device seed;
  std::vector<LaneSlot> slots;
  for (std::size_t i = 0; i < config.sinks.size(); ++i) {
    const SinkConfig& sink = config.sinks[i];
    forwarders_.push_back(std::make_unique<Forwarder>(lanes[i], Forwarder::Options{sink.name, sink.retry_min, sink.retry_max, seed()},
                                                      *sinks_[i], store_, clock_, [this] { committer_.OnSettled(); }));
    slots.push_back({lanes[i].id, lanes[i].last_seq, forwarders_.back().get()});
    if (lanes[i].pending_events > 0) {
      Log(LogLevel::kInfo, "gateway", "backlog found",
          {{"sink", sink.name}, {"events", std::to_string(lanes[i].pending_events)}, {"bytes", std::to_string(lanes[i].pending_bytes)}});
    }
  }
  committer_.SetLanes(std::move(slots));
}

void Gateway::Start() {
  for (auto& forwarder : forwarders_) forwarder->Start();
  for (auto& source : sources_) source->Start();
  ExpireLetters();
}

// A page at a time, so that commits come in between; a store that fails is asked again when it is due.
void Gateway::ExpireLetters() {
  store_.ExpireLetters(std::chrono::system_clock::now(), [this](const Result<bool>& more) {
    if (stopped_) return;
    more&&* more ? ExpireLetters() : expiry_timer_->Start(kExpireEvery);
  });
}

std::vector<SourceStatus> Gateway::Sources() const {
  std::vector<SourceStatus> all;
  for (const auto& source : sources_) all.push_back(source->Status());
  return all;
}

std::vector<ForwarderStatus> Gateway::Forwarders() const {
  std::vector<ForwarderStatus> all;
  for (const auto& forwarder : forwarders_) all.push_back(forwarder->Status());
  return all;
}

void Gateway::Stop(std::chrono::milliseconds limit, std::function<void(bool)> stopped) {
  stop_limit_ = limit;
  stopped_ = std::move(stopped);
  expiry_timer_->Stop();
  awaited_ = sources_.size();
  for (auto& source : sources_) source->Quiesce([this] { OnQuiet(); });
}

void Gateway::OnQuiet() {
  if (--awaited_ > 0) return;
  committer_.Flush([this](bool clean) { OnInboxFlushed(clean); });
}

void Gateway::OnInboxFlushed(bool clean) {
  clean_ &= clean;
  awaited_ = sources_.size() + forwarders_.size();
  for (auto& source : sources_) source->Close([this] { OnClosed(); });
  for (auto& forwarder : forwarders_) forwarder->Close(stop_limit_, [this] { OnClosed(); });
}

void Gateway::OnClosed() {
  if (--awaited_ > 0) return;
  committer_.Flush([this](bool clean) { OnSettlingFlushed(clean); });
}

void Gateway::OnSettlingFlushed(bool clean) {
  clean_ &= clean;
  store_.Close([this] { stopped_(clean_); });
}

}  // namespace sluice
