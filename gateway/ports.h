// The ports: where the outside world and time begin. Drivers, the store and the tests' fakes implement them.
//
// Unless a line says otherwise, every call is made on the loop thread, does not block, and every callback runs on the loop thread,
// never from inside the call that asked for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/result.h"

namespace sluice {

// ---------------------------------------------------------------------------------------------------------------- time

/// Runs its function after a delay, at most once per Start. Destroying it stops it.
class Timer {
 public:
  virtual ~Timer() = default;
  /// Restarts the delay if it is already running.
  virtual void Start(std::chrono::milliseconds delay) = 0;
  virtual void Stop() = 0;
  virtual bool IsActive() const = 0;
};

/// Where timers and the monotonic time come from. Real: Loop. In tests: virtual time.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic; may be as old as the present turn of the loop.
  virtual MonotonicTime Now() const = 0;
  virtual std::unique_ptr<Timer> NewTimer(std::function<void()> on_expiry) = 0;
};

/// What the clocks of the box say at one moment.
struct ClockReading {
  WallTime wall;
  BootTime boot;              ///< Changes with every boot; sleep is counted.
  bool synchronized = false;  ///< A time service has set the wall clock.
};

/// The wall clock and what it is worth. Timers and delays never use it. Any thread.
class WallClock {
 public:
  virtual ~WallClock() = default;
  virtual ClockReading Read() const = 0;
};

// ---------------------------------------------------------------------------------------------------------------- sink

enum class Verdict {
  kDelivered,  ///< The outside system has it durably; the row may be settled.
  kRetry,      ///< It failed now and may work later.
  kRejected,   ///< The outside system says that it will never take this record.
};

/// Told by a sink about the rows it was given. Implemented by the forwarder.
class SinkListener {
 public:
  virtual ~SinkListener() = default;
  /// Exactly once per row sent, in any order; never from within Send. `reason`: empty for kDelivered, else one line.
  virtual void OnVerdict(Seq seq, Verdict verdict, const std::string& reason) = 0;
  /// After a group of OnVerdict calls that came together: the moment to send more and to settle.
  virtual void OnVerdictsDone() = 0;
  /// The outside system as a whole is away, or does not let us in: rows wait in the sink without a verdict. Over with the next kDelivered.
  virtual void OnTrouble(const std::string& reason) = 0;
};

/// The way to one outside system, for one lane.
///
/// Order: rows with equal keys reach the outside system in the order of Send, or not at all: after a row got kRetry or kRejected, no row
/// with its key that was sent later and is not delivered yet may be delivered, until Reset. Retrying is the forwarder's business; only a
/// row that the outside system refused out of a call that worked may be sent again by the sink itself, before all later rows of its key.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Connects, or starts to. Called once, before all else. Does not fail: an outside system that is away shows as silence.
  virtual void Open(SinkListener& listener) = 0;
  /// Takes a copy of what it needs. REQUIRES: opened, not resetting, not closed. The forwarder bounds rows and bytes in flight.
  virtual void Send(const Row& row) = 0;
  /// No more rows for the moment: what was buffered should leave now.
  virtual void Flush() = 0;
  /// Forgets all that is in flight: no verdict comes for it any more (it may still arrive). `ready` runs once, when Send may be called
  /// again.
  virtual void Reset(std::function<void()> ready) = 0;
  /// Ends. No verdict after the call; `closed` runs once. The forwarder has waited for verdicts before, as long as it wanted to.
  virtual void Close(std::function<void()> closed) = 0;
};

// -------------------------------------------------------------------------------------------------------------- source

/// How a source is doing.
struct SourceStatus {
  std::string name;
  std::string state;       ///< One word.
  std::string last_error;  ///< Empty: there was none.
  /// Since the start of the process: what the other side may have lost before it came here, by name.
  std::map<std::string, std::uint64_t> losses;
  bool connected = false;  ///< As Source::IsConnected.
};

/// The way from one outside system into the inbox (gateway/inbox.h).
class Source {
 public:
  virtual ~Source() = default;
  virtual SourceStatus Status() const = 0;
  /// Events come in, if there are any.
  virtual bool IsConnected() const = 0;
  virtual void Start() = 0;
  /// A batch is about to be taken from the inbox. What the client library has written so far acknowledges only events of this batch or
  /// earlier ones: the moment to collect it (bytes first, then the ticket), once a batch instead of once an event. In between, while events
  /// are not durable, there is no need to read from the client library at all: whatever it writes would have to wait.
  virtual void OnCut() = 0;
  /// Some events became durable, so acknowledgements may leave and room may be free.
  virtual void OnDurable() = 0;
  /// Stops reading from the outside; `stopped` runs once. What the client library had buffered may still be pushed: if it is not committed
  /// any more, it is not acknowledged either. Acknowledgements of what becomes durable still leave.
  virtual void Quiesce(std::function<void()> stopped) = 0;
  /// Disconnects, after acknowledging what is durable; `closed` runs once.
  virtual void Close(std::function<void()> closed) = 0;
};

// --------------------------------------------------------------------------------------------------------------- store

struct LaneAppend {
  LaneId lane = 0;
  std::vector<Row> rows;  ///< Ascending seq.
};

/// Rows of a lane up to and including `through` are done with and are deleted, except those named in a DeadLetter, which move.
struct LaneSettle {
  LaneId lane = 0;
  Seq through = 0;
};

/// A row that its sink will never take: it moves from its lane to the dead letters, in the same transaction.
struct DeadLetter {
  LaneId lane = 0;
  Seq seq = 0;
  std::string reason;
  std::uint32_t attempts = 0;
  WallTime when;
};

/// A row that cannot go where its route sends it: it is a dead letter of its lane from the start. It does not become the `previous` of
/// another row, and has none.
struct Misfit {
  LaneId lane = 0;
  Row row;
  std::string reason;
};

/// Where rows of a replay come from, if they are no dead letters.
struct LaneOrigin {
  LaneId lane = 0;   ///< REQUIRES: another one, which nobody forwards.
  Seq previous = 0;  ///< The last row that came from there before, in this move; 0: none. What the first row names as the one before it.
  std::optional<std::string> destination = std::nullopt;  ///< Instead of each row's own.
};

/// Dead letters that go back to their lane, or rows of another lane that move to this one; under their seqs. Those that are there already
/// are passed over: it can be done again. A row that is damaged stays where it is. REQUIRES: no dead letter was a Misfit. A lane does not
/// know those.
struct LaneReplay {
  LaneId lane = 0;
  std::vector<Seq> seqs;  ///< Ascending, if they come from another lane.
  Bytes bytes = 0;        ///< Of them all, by Footprint; about right.
  std::optional<LaneOrigin> from = std::nullopt;
};

/// Why rows left a lane without being sent. Each is counted in the ledger, and told in gap records, under its name.
enum class DropReason : std::uint8_t {
  kQuota,    ///< "quota": the outbox was at its bound.
  kExpired,  ///< "ttl": they waited longer than they were to.
  kPurged,   ///< "purged": an operator said so.
  kMoved,    ///< "moved": an operator had them moved to another lane.
};
constexpr DropReason kDropReasons[] = {DropReason::kQuota, DropReason::kExpired, DropReason::kPurged, DropReason::kMoved};
std::string_view NameOf(DropReason reason);

/// Rows of a lane to be given up, from the first one after `after` on, in the same transaction as all else. Gap records
/// (gateway/own_event.h) stay. REQUIRES: none of them is in flight, or will be before the answer.
struct LaneDrop {
  LaneId lane = 0;
  Seq after = 0;
  Seq through = kNoSeq;  ///< None behind this one.
  DropReason reason = DropReason::kQuota;
  Bytes bytes = 0;     ///< kQuota: so many, or all there are.
  RunningTime now{0};  ///< kExpired: those of the next kDropRows whose deadline is past.

  bool IsOpen() const { return through == kNoSeq; }
};
/// Rows that one LaneDrop looks at, at most.
constexpr std::size_t kDropRows = 5'000;

/// What became of a LaneDrop.
struct DroppedRows {
  LaneId lane = 0;
  DropReason reason = DropReason::kQuota;
  std::uint64_t events = 0;
  Bytes bytes = 0;
};

/// Rows of one lane that were dropped one after the other for one reason and that no gap record has told of yet.
struct Gap {
  LaneId lane = 0;
  std::string sink = {};  ///< Of the lane, as read.
  std::string lane_class = {};
  Seq first = 0;
  Seq last = 0;
  std::uint64_t events = 0;
  DropReason reason = DropReason::kQuota;
  WallTime since;  ///< When the first of them was dropped,
  WallTime until;  ///< and the last.
};

/// What happened to one source's events of a batch; added to the ledger in the same transaction.
struct SourceCount {
  std::string source;
  std::uint64_t received = 0;  ///< = routed + unrouted + duplicate + refused
  std::uint64_t routed = 0;
  std::uint64_t unrouted = 0;
  std::uint64_t duplicate = 0;    ///< Proved to be copies of what was received before; they make no rows.
  std::uint64_t too_large = 0;    ///< refused{too_large}
  std::uint64_t retained = 0;     ///< refused{retained}
  std::uint64_t reserved = 0;     ///< refused{reserved_topic}
  std::uint64_t unprotected = 0;  ///< Of those received, how many came with QoS 0,
  std::uint64_t qos2 = 0;         ///< and how many with QoS 2.
  std::uint64_t redelivered = 0;  ///< Of those received, how many the broker marked as sent before.
};

/// What is kept of one key of a rule over a restart: a new one takes the place of what was kept before, an empty one deletes it. What it
/// says is the rules' business (gateway/rule_memory.h).
struct RuleRecord {
  enum class Kind : std::uint8_t {
    kState,   ///< That it is pending or firing: small, kept whenever it changes.
    kMemory,  ///< Its windows and when it was heard of last: kept now and then.
  };
  Kind kind = Kind::kState;
  std::string rule;
  std::string key;
  std::string data;
  bool operator==(const RuleRecord&) const = default;
};
/// As Footprint of a row. One that deletes brings nothing.
inline Bytes Footprint(const RuleRecord& record) {
  constexpr Bytes kFixed = 64;
  return record.data.empty() ? 0 : kFixed + record.rule.size() + record.key.size() + record.data.size();
}

/// Where the running time stood, to go on from after a restart.
struct ClockKept {
  RunningTime running{0};
  ClockReading reading;
  AliveTime alive{0};  ///< Of the rules (gateway/alive_clock.h), as is
  AliveTime off{0};    ///< how long the daemon was off, all its times together.
};

/// One transaction. All of it is durable or none of it.
struct Batch {
  Seq last_seq = 0;  ///< Highest seq given out so far, rows or not. Never falls.
  std::vector<LaneAppend> appends;
  std::vector<Misfit> misfits;
  std::vector<DeadLetter> dead_letters;
  std::vector<LaneSettle> settles;
  std::vector<LaneReplay> replays;  ///< REQUIRES: no settle of the same lane, which could take what has just come back.
  std::vector<LaneDrop> drops;
  std::vector<SourceCount> sources;
  std::vector<Gap> told_gaps;  ///< Their records are among the rows appended.
  /// Of all for one key the last counts. They stand or fall with the rows. Without rows and sources each stands by itself: after a failure
  /// some may be there, and all are to be given again; they may use what is held back.
  std::vector<RuleRecord> rule_records;
  bool reserved = false;  ///< The rows are of the gateway itself or of a class that is kept: they may use what is held back for such.
  ClockKept clock;

  std::vector<DroppedRows> dropped;  ///< The store's answer, one for each of `drops`.
};
/// Of the rows and records that it brings.
inline Bytes Footprint(const Batch& batch) {
  Bytes bytes = 0;
  for (const LaneAppend& append : batch.appends) {
    for (const Row& row : append.rows) bytes += Footprint(row);
  }
  for (const Misfit& misfit : batch.misfits) bytes += Footprint(misfit.row);
  for (const RuleRecord& record : batch.rule_records) bytes += Footprint(record);
  return bytes;
}

/// Rows read from a lane in seq order.
struct LaneRead {
  std::vector<Row> rows;
  std::vector<Seq> damaged;  ///< Rows whose checksum failed: never to be sent; to be dead-lettered as "damaged".
  bool end = false;          ///< Nothing after these was in the lane when it was read.
};

/// A dead letter as it is kept.
struct KeptLetter {
  DeadLetter letter;
  Row row;  ///< The payload only if it was asked for.
  std::uint64_t payload_bytes = 0;
  bool damaged = false;  ///< Its content is not what was written, as far as it was read.
};

/// Asks for the dead letters of a lane behind `after`.
struct LetterQuery {
  LaneId lane = 0;
  Seq after = 0;
  std::size_t max_letters = 0;
  std::size_t max_bytes = 0;  ///< Of payloads; one letter is given at least.
  bool with_payload = false;
};

struct LetterPage {
  std::vector<KeptLetter> letters;  ///< Ascending seq.
  bool end = false;                 ///< Nothing behind these.
};

/// The ledger, and the room that the outbox takes.
struct StoreCounters {
  std::map<std::string, std::int64_t> values;  ///< Names as in store/FORMAT.md.
  std::uint64_t file_bytes = 0;                ///< Of the files that outbox.max_bytes bounds.
  std::uint64_t free_bytes = 0;                ///< Left on the file system.
  std::map<LaneId, WallTime> oldest;           ///< When the oldest row of each lane that has any was received.
};

/// A lane as it was found when the store opened.
struct LaneState {
  LaneId id = 0;
  std::string sink;
  std::string lane_class;
  Seq last_seq = 0;  ///< Of the last row ever appended to it; 0 if none was.
  std::uint64_t pending_events = 0;
  std::uint64_t pending_bytes = 0;
};

/// The outbox as the loop thread sees it. Implemented by store/store.h (a thread with the database) and by fakes.
class EventStore {
 public:
  virtual ~EventStore() = default;
  /// One at a time. On success the batch is durable (fsynced). On failure nothing of it is visible: kFull (no room; a batch without
  /// Footprint may still work) or kUnavailable (disk failing; the store has tried to reopen). The batch comes back, to be used or tried
  /// again.
  virtual void Commit(Batch batch, std::function<void(Result<void>, Batch)> done) = 0;
  /// Rows of `lane` with seq > `after`, at most `max_bytes` of them by Footprint (but at least one).
  virtual void Read(LaneId lane, Seq after, std::size_t max_bytes, std::function<void(Result<LaneRead>)> done) = 0;
  /// Gives up the oldest rows of a lane that nobody forwards (kPurged), a bounded number at a time; none are left when it was none. Errors
  /// as Commit.
  virtual void PurgeRows(LaneId lane, std::function<void(Result<DroppedRows>)> done) = 0;
  virtual void ReadLetters(LetterQuery query, std::function<void(Result<LetterPage>)> done) = 0;
  /// Deletes dead letters; `done` is told how many of them were there. Errors as Commit.
  virtual void PurgeLetters(LaneId lane, std::vector<Seq> seqs, std::function<void(Result<std::uint64_t>)> done) = 0;
  /// Deletes the dead letters that are too old at `now`, or too many, a bounded number at a time. True: there may be more.
  virtual void ExpireLetters(WallTime now, std::function<void(Result<bool>)> done) = 0;
  virtual void Counters(std::function<void(Result<StoreCounters>)> done) = 0;
  /// What was dropped and not told of yet, by lane and seq; some of it if it is much.
  virtual void ReadGaps(std::function<void(Result<std::vector<Gap>>)> done) = 0;
  /// Ends after the tasks given so far; `closed` runs once.
  virtual void Close(std::function<void()> closed) = 0;
};

}  // namespace sluice
