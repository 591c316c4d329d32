// The outbox: every event that was acknowledged and not yet delivered, in one SQLite file. Format and recovery: FORMAT.md.
//
// Invariants
//  1. When Commit returns success, the batch is on disk (fsynced); when it returns an error, nothing of it is visible.
//  2. A batch is applied once, also after a commit of unknown outcome: the file says which of them it has.
//  3. A failed fsync is never trusted again: the file is closed, opened, and written through before anything else.
//  4. One connection reads, writes and checkpoints.
//  5. Rule records are kept with the rows of their batch or not at all; to keep them twice is to keep them once.
//  6. Per lane: in = delivered + pending + dropped + dead_lettered, in every state that can be read back.
//
// Thread: one at a time; calls block on the disk.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "gateway/ports.h"
#include "store/dead_letters.h"
#include "store/gaps.h"
#include "store/lane_list.h"
#include "store/lane_table.h"
#include "store/ledger.h"
#include "store/lock_file.h"
#include "store/rule_records.h"
#include "store/space.h"
#include "store/sqlite.h"

namespace sluice {

class Outbox {
 public:
  struct Options {
    OutboxConfig config;
    std::vector<LaneName> lanes;  ///< Made if they are missing.
    std::string machine_id_file = "/etc/machine-id";
    const char* vfs = nullptr;  ///< A registered SQLite VFS; for fault tests.
    /// For somebody who looks, not for a daemon: what is not there is not made, an unusable file stays where it is (kCorrupt, kInvalid),
    /// the outbox keeps its id on any machine, and nothing of it changes but by what is asked for.
    bool as_found = false;
  };

  /// kLocked: another process has it. kUnavailable: the path cannot be used. A damaged file, or one of a newer major version, is set aside,
  /// and set_aside() names it.
  static Result<Outbox> Open(Options options);

  /// Fills in Batch::dropped.
  Result<void> Commit(Batch& batch);
  Result<LaneRead> Read(LaneId lane, Seq after, std::size_t max_bytes);
  /// See EventStore.
  Result<DroppedRows> PurgeRows(LaneId lane);
  /// Dead letters; each change is a transaction. Errors as Commit.
  Result<LetterPage> ReadLetters(const LetterQuery& query);
  Result<std::uint64_t> PurgeLetters(LaneId lane, const std::vector<Seq>& seqs);
  Result<bool> ExpireLetters(WallTime now);
  /// The ledger, and the room taken.
  Result<StoreCounters> Account();
  Result<std::vector<Gap>> ReadGaps();
  Result<RuleRecordRead> ReadRuleRecords();
  /// After a commit, once its outcome is told: nobody has to wait for it. A commit that finds one due makes it first.
  void CheckpointIfDue();
  /// Gives free pages back to the file system, some at a time. True: there is more.
  bool GiveBack();
  /// Closes and opens anew with other settings and lanes; the lock is kept, and so is the file: REQUIRES `config.path` as before. Errors as
  /// Open; after one it can be tried again, and all else goes on with the new settings as soon as the disk does.
  Result<void> Reopen(const OutboxConfig& config, std::vector<LaneName> lanes);
  /// Writes the WAL back and closes.
  void Close();

  const std::string& id() const { return id_; }
  ClockKept clock() const;
  Seq last_seq() const { return static_cast<Seq>(ledger_->Get("last_seq")); }
  /// Those asked for first, in the order asked; then those that no configured sink has any more.
  const std::vector<LaneState>& lanes() const { return lanes_; }
  std::map<std::string, std::int64_t> Counters() const { return ledger_->All(); }
  const std::string& set_aside() const { return set_aside_; }
  /// The last process that had the file has closed it.
  bool was_closed() const { return was_closed_; }

 private:
  /// Of every transaction, whatever its lanes.
  struct FrequentStatements {
    Statement begin;
    Statement commit;
    Statement page_count;
    Statement free_pages;
  };

  Outbox(Options options, LockFile lock);

  void FillBallast();
  Result<void> OpenFile();
  void CloseFile();
  Result<void> PrepareFrequent();
  Result<void> OpenOrSetAside();
  Result<void> SetAside();
  Result<void> TouchFile();
  Result<void> NoOutbox() const;
  Result<void> CheckFormat();
  Result<void> LoadIdentity();
  template <typename Action>
  auto At(LaneId lane, const Action& action) -> decltype(action(std::declval<LaneTable&>()));

  Result<void> EnsureOpen();
  Result<void> CheckRoom(const Batch& batch);
  bool Vacuum(std::int64_t pages);
  bool Shrink(std::int64_t pages);
  Bytes UnwrittenBytes();
  bool FitsDisk(Bytes bytes, bool grows);
  bool IsCheckpointDue();
  Result<void> KeepWalShort();
  Result<void> SettleAhead(const Batch& batch);
  Result<void> SettleInParts(const LaneSettle& settle);
  Result<void> CommitInParts(Batch& batch);
  Result<void> KeepAhead(const Batch& batch);
  Result<void> CommitAlone(Batch batch);
  Result<void> CommitWithoutRows(Batch& batch);
  Result<void> Apply(Batch& batch, bool with_rows);
  void KeepClock(const ClockKept& clock);
  void CountStart(const ClockReading& now);
  Result<void> BoundLetters(const Batch& batch, bool with_rows);
  void Count(const Batch& batch);
  Result<void> TryCommit(Batch& batch, bool with_rows);
  Result<void> Transact(bool has_rows, const std::function<Result<void>()>& apply);
  template <typename T>
  Result<T> Change(const std::function<Result<T>()>& change);
  void Doubt(bool has_rows);

  Options options_;
  SpacePlan plan_;
  Bytes part_bytes_;  // What leaves its lane in one transaction, at most: half of what one may write, or less on a full disk.
  LockFile lock_;
  Ballast ballast_;
  std::optional<Sqlite> database_;
  std::optional<Ledger> ledger_;
  std::optional<DeadLetters> letters_;
  std::optional<Gaps> gaps_;
  std::optional<RuleRecords> rule_records_;
  std::map<LaneId, LaneTable> tables_;
  std::optional<FrequentStatements> frequent_;
  std::string id_;
  std::vector<LaneState> lanes_;
  std::string set_aside_;
  bool was_closed_ = false;
  std::optional<std::pair<std::string, std::int64_t>> start_;  // The counter of starts like this one, and what it comes to.

  /// A commit whose outcome is not known: its number, and whether it had rows or counts.
  struct InDoubt {
    std::int64_t number;
    bool has_rows;
  };
  std::optional<InDoubt> in_doubt_;
  bool rows_are_there_ = false;  // The rows of the next batch that has any were in a commit that turned out to be there; until it is done.
};

}  // namespace sluice
