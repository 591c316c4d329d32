#include "tests/fault_vfs.h"

#include <sqlite3.h>

#include <new>

namespace sluice {
namespace {

struct State {
  FaultVfs::Fault fault = FaultVfs::Fault::kNone;
  int passes = 0;
  int count = 0;
  int opens = 0;
  int syncs = 0;
  int failures = 0;
};

// SQLite's callbacks reach the state through the VFS; there is one at a time.
State g_state;
sqlite3_vfs g_vfs;

bool Fails(bool is_sync) {
  State& s = g_state;
  if (s.fault == FaultVfs::Fault::kNone || (s.fault == FaultVfs::Fault::kSyncFails) != is_sync) return false;
  if (s.passes > 0) {
    --s.passes;
    return false;
  }
  if (s.count == 0) return false;
  --s.count;
  ++s.failures;
  return true;
}

struct File {
  sqlite3_file base;
  sqlite3_file* real;  // Right behind this struct.
};

sqlite3_file* Real(sqlite3_file* file) {
  return reinterpret_cast<File*>(file)->real;
}

int Close(sqlite3_file* f) {
  return Real(f)->pMethods->xClose(Real(f));
}
int Read(sqlite3_file* f, void* out, int size, sqlite3_int64 at) {
  return Real(f)->pMethods->xRead(Real(f), out, size, at);
}
int Write(sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
  if (Fails(false)) return g_state.fault == FaultVfs::Fault::kDiskFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  return Real(f)->pMethods->xWrite(Real(f), data, size, at);
}
int Truncate(sqlite3_file* f, sqlite3_int64 size) {
  return Real(f)->pMethods->xTruncate(Real(f), size);
}
int Sync(sqlite3_file* f, int flags) {
  if (Fails(true)) return SQLITE_IOERR_FSYNC;
  ++g_state.syncs;
  return Real(f)->pMethods->xSync(Real(f), flags);
}
int FileSize(sqlite3_file* f, sqlite3_int64* size) {
  return Real(f)->pMethods->xFileSize(Real(f), size);
}
int Lock(sqlite3_file* f, int level) {
  return Real(f)->pMethods->xLock(Real(f), level);
}
int Unlock(sqlite3_file* f, int level) {
  return Real(f)->pMethods->xUnlock(Real(f), level);
}
int CheckReservedLock(sqlite3_file* f, int* out) {
  return Real(f)->pMethods->xCheckReservedLock(Real(f), out);
}
int FileControl(sqlite3_file* f, int op, void* arg) {
  return Real(f)->pMethods->xFileControl(Real(f), op, arg);
}
int SectorSize(sqlite3_file* f) {
  return Real(f)->pMethods->xSectorSize(Real(f));
}
int DeviceCharacteristics(sqlite3_file* f) {
  return Real(f)->pMethods->xDeviceCharacteristics(Real(f));
}

// Version 1: no shared memory, no mapping. The outbox has its file for itself and needs neither.
constexpr sqlite3_io_methods kMethods = {1,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics,
                                         nullptr,
                                         nullptr,
                                         nullptr,
                                         nullptr,
                                         nullptr,
                                         nullptr};

int Open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  auto* real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  File* f = new (file) File{};
  f->real = reinterpret_cast<sqlite3_file*>(f + 1);
  const int code = real_vfs->xOpen(real_vfs, name, f->real, flags, out_flags);
  if (code != SQLITE_OK) return code;
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) ++g_state.opens;
  f->base.pMethods = &kMethods;
  return SQLITE_OK;
}

}  // namespace

FaultVfs::FaultVfs() : name_("sluice-fault") {
  g_state = {};
  sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
  g_vfs = *real;
  g_vfs.zName = name_.c_str();
  g_vfs.pNext = nullptr;
  g_vfs.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
  g_vfs.pAppData = real;
  g_vfs.xOpen = Open;
  // What is given to the other functions is `real`'s business: they must be called with it.
  g_vfs.xDelete = [](sqlite3_vfs* v, const char* n, int s) {
    auto* r = static_cast<sqlite3_vfs*>(v->pAppData);
    return r->xDelete(r, n, s);
  };
  g_vfs.xAccess = [](sqlite3_vfs* v, const char* n, int f, int* out) {
    auto* r = static_cast<sqlite3_vfs*>(v->pAppData);
    return r->xAccess(r, n, f, out);
  };
  g_vfs.xFullPathname = [](sqlite3_vfs* v, const char* n, int size, char* out) {
    auto* r = static_cast<sqlite3_vfs*>(v->pAppData);
    return r->xFullPathname(r, n, size, out);
  };
  sqlite3_vfs_register(&g_vfs, 0);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&g_vfs);
}

void FaultVfs::Fail(Fault fault, int passes, int count) {
  g_state.fault = fault;
  g_state.passes = passes;
  g_state.count = count;
}

int FaultVfs::opens() const {
  return g_state.opens;
}
int FaultVfs::syncs() const {
  return g_state.syncs;
}
int FaultVfs::failures() const {
  return g_state.failures;
}

}  // namespace sluice
