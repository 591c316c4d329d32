// How rows come to a lane from elsewhere than a source: dead letters that are replayed, rows that an operator moves. A running daemon's
// way is the committer; without one it is the outbox itself (gateway/offline.cc).
//
// Loop thread.
#pragma once

#include <functional>

#include "gateway/ports.h"
#include "gateway/result.h"

namespace sluice {

class Reentry {
 public:
  virtual ~Reentry() = default;
  /// The lane sends and settles nothing until Release. False: nobody forwards it, or it is closing.
  virtual bool Hold(LaneId lane) = 0;
  virtual void Release(LaneId lane) = 0;
  /// Brings rows into a lane. `done` runs once; kFull: none came. REQUIRES: held, by the caller, until then.
  virtual void Replay(LaneReplay replay, std::function<void(Result<void>)> done) = 0;
};

}  // namespace sluice
