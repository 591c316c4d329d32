// The gateway at work: sources, committer, forwarders and sinks put together, started, and stopped in the order of the flow.
//
// Stop: the sources take in no more; the inbox is committed; acknowledgements leave and the sources disconnect, while the forwarders wait
// for the last verdicts; what these settle is committed.
//
// Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/alert_desk.h"
#include "gateway/committer.h"
#include "gateway/destinations.h"
#include "gateway/event_tap.h"
#include "gateway/forwarder.h"
#include "gateway/gap_reporter.h"
#include "gateway/inbox.h"
#include "gateway/ports.h"
#include "gateway/router.h"
#include "gateway/rules.h"
#include "gateway/status_reporter.h"

namespace sluice {

class Gateway {
 public:
  /// What `main` has made. The borrowed parts outlive the gateway.
  struct Parts {
    Clock& clock;
    const WallClock& wall_clock;
    Inbox& inbox;
    EventStore& store;
    Seq last_seq = 0;
    ClockKept clock_kept;
    std::vector<LaneState> lanes;              ///< Those of the router, in its order; then others that hold rows.
    std::vector<std::unique_ptr<Sink>> sinks;  ///< One for each lane; null if it is not configured any more.
    std::vector<std::unique_ptr<Source>> sources;
    std::unique_ptr<Rules> rules;
    std::vector<RuleRecord> rule_records;  ///< Of the life before.
    std::function<StatusFacts()> status;   ///< All but the counters. Called only while the gateway is there.
    EventTap* tap = nullptr;               ///< Borrowed. None: nobody can watch.
  };

  Gateway(const Config& config, Router router, Parts parts);

  /// Why a gateway starts or stops.
  enum class Occasion {
    kProcess,  ///< With the daemon.
    kReload,   ///< Another takes its place: nobody waits for a sink that is away, and only the other reports on `$sluice/status`.
  };
  void Start(Occasion occasion = Occasion::kProcess);
  std::vector<SourceStatus> Sources() const;
  std::vector<ForwarderStatus> Forwarders() const;
  std::vector<RuleStatus> RuleStatuses() const;
  /// For replays.
  Committer& committer() { return committer_; }
  /// The inbox woke the loop.
  void OnInbox() { committer_.OnInbox(); }
  /// Of the committer and each lane.
  std::vector<PartWork> Work() const;
  /// Some source has no connection, or some sink is away.
  bool IsInTrouble() const;
  /// Verdicts still due are awaited at most `limit`. `stopped` runs once; `clean`: all that was received is durable. The store stays open.
  void Stop(Occasion occasion, std::chrono::milliseconds limit, std::function<void(bool clean)> stopped);

 private:
  std::unique_ptr<AlertDesk> MakeAlertDesk(std::unique_ptr<Rules> rules, const ClockKept& kept) const;
  Committer::Options CommitterOptions(const Config& config, Seq last_seq) const;
  void MakeForwarders(const Config& config, const std::vector<LaneState>& lanes);
  LaneSlot MakeForwarder(const Config& config, const LaneState& lane, Sink* sink);
  void ExpireLetters();
  std::vector<std::size_t> LanesOf(std::string_view own_topic) const;
  bool AreUp(const std::vector<std::size_t>& lanes) const;
  RunningTime Running();
  void OnQuiet();
  void OnInboxFlushed(bool clean);
  void OnClosed();
  void OnSettlingFlushed(bool clean);

  Clock& clock_;
  const WallClock& wall_clock_;
  EventStore& store_;
  const Router router_;
  Destinations destinations_;
  RunningClock running_clock_;
  MonotonicTime running_read_{};  // When `running_` was.
  RunningTime running_{0};
  std::vector<UploadShare> shares_;  // One for each sink of the configuration, and one for those that are not there any more.
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<std::unique_ptr<Forwarder>> forwarders_;
  std::vector<RuleRecord> rule_records_;         // Until the start.
  const std::unique_ptr<AlertDesk> alert_desk_;  // Null: there are no rules, and were none.
  Committer committer_;
  const std::unique_ptr<Timer> expiry_timer_;
  const std::vector<std::size_t> gap_lanes_;     // Where gap records go,
  const std::vector<std::size_t> status_lanes_;  // and where reports do.
  GapReporter gap_reporter_;
  StatusReporter status_reporter_;

  Occasion stop_occasion_ = Occasion::kProcess;
  std::chrono::milliseconds stop_limit_{0};
  std::size_t awaited_ = 0;  // Parts whose answer the present step of the stop waits for.
  bool clean_ = true;
  std::function<void(bool)> stopped_;
};

}  // namespace sluice
