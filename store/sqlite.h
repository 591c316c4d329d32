// SQLite in C++: a connection and its statements, errors as values.
//
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice {

/// A prepared statement. Parameters and columns count as in SQLite: parameters from 1, columns from 0.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  /// The bytes must stay until the next Step.
  void BindBlob(int index, std::string_view bytes);
  void BindText(int index, std::string_view text);
  void BindInt(int index, std::int64_t value);
  void BindNull(int index);

  /// True: there is a row.
  Result<bool> Step();
  /// Step of a statement that gives no rows, and Reset.
  Result<void> Run();
  /// First column of the first row (0 if there is none), and Reset.
  Result<std::int64_t> QueryInt();
  /// Ready for the next use; ends its transaction's read, if it has one.
  void Reset();

  std::int64_t Int(int column) const;
  std::string Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Sqlite {
 public:
  /// Opens or creates the file. `vfs`: a registered SQLite VFS, or null for the default.
  static Result<Sqlite> Open(const std::string& path, const char* vfs);

  Result<void> Execute(const std::string& sql);
  Result<Statement> Prepare(const std::string& sql);
  /// First column of the first row.
  Result<std::int64_t> QueryInt(const std::string& sql);
  Result<std::string> QueryText(const std::string& sql);

  /// Rows that the last statement changed.
  std::int64_t Changes() const;
  /// Frames in the WAL as of the last commit.
  int WalFrames() const { return *wal_frames_; }
  /// No transaction is open.
  bool IsIdle() const;
  /// Rolls back what is open.
  void Rollback();
  Result<void> Checkpoint(bool truncate);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Sqlite(sqlite3* database);

  std::unique_ptr<int> wal_frames_;
  std::unique_ptr<sqlite3, Close> database_;
};

/// The Error for SQLite's result code of `database`: kFull, kCorrupt, or kUnavailable.
Error SqliteError(sqlite3* database, int code);

}  // namespace sluice
