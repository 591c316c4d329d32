#include "store/sqlite.h"

#include <sqlite3.h>

namespace sluice {
namespace {

ErrorCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kLocked;
    default:
      return ErrorCode::kUnavailable;
  }
}

}  // namespace

Error SqliteError(sqlite3* database, int code) {
  return {CodeOf(code), std::string(sqlite3_errmsg(database)) + " (SQLite " + std::to_string(sqlite3_extended_errcode(database)) + ")"};
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::BindBlob(int index, std::string_view bytes) {
  // A null pointer would bind NULL.
  sqlite3_bind_blob64(statement_.get(), index, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
}

void Statement::BindText(int index, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::BindInt(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::BindNull(int index) {
  sqlite3_bind_null(statement_.get(), index);
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return tl::unexpected<Error>(SqliteError(sqlite3_db_handle(statement_.get()), code));
}

Result<void> Statement::Run() {
  Result<bool> stepped = Step();
  Reset();
  if (!stepped) return tl::unexpected<Error>(stepped.error());
  return {};
}

Result<std::int64_t> Statement::QueryInt() {
  Result<bool> stepped = Step();
  const std::int64_t value = stepped && *stepped ? Int(0) : 0;
  Reset();
  if (!stepped) return tl::unexpected<Error>(stepped.error());
  return value;
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Sqlite::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Sqlite::Sqlite(sqlite3* database) : wal_frames_(std::make_unique<int>(0)), database_(database) {
  sqlite3_extended_result_codes(database, 1);
  // Takes the place of the automatic checkpoint: when to checkpoint is ours to say.
  sqlite3_wal_hook(
      database,
      [](void* frames, sqlite3*, const char*, int count) {
        *static_cast<int*>(frames) = count;
        return SQLITE_OK;
      },
      wal_frames_.get());
}

Result<Sqlite> Sqlite::Open(const std::string& path, const char* vfs) {
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
  if (code == SQLITE_OK) return Sqlite(database);
  Error error = SqliteError(database, code);
  sqlite3_close_v2(database);
  error.message = path + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

Result<void> Sqlite::Execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(SqliteError(database_.get(), code));
  return {};
}

Result<Statement> Sqlite::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(SqliteError(database_.get(), code));
  return Statement(statement);
}

Result<std::int64_t> Sqlite::QueryInt(const std::string& sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement) return tl::unexpected<Error>(statement.error());
  return statement->QueryInt();
}

Result<std::string> Sqlite::QueryText(const std::string& sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement) return tl::unexpected<Error>(statement.error());
  Result<bool> row = statement->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  return *row ? statement->Bytes(0) : std::string();
}

std::int64_t Sqlite::Changes() const {
  return sqlite3_changes64(database_.get());
}

bool Sqlite::IsIdle() const {
  return sqlite3_get_autocommit(database_.get()) != 0;
}

void Sqlite::Rollback() {
  if (!IsIdle()) sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Sqlite::Checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, mode, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(SqliteError(database_.get(), code));
  *wal_frames_ = 0;
  return {};
}

}  // namespace sluice
