// Shows events to who watches, as they are routed: what came in, before it is durable, unrouted events too. While nobody watches it costs
// one branch an event.
//
// Loop thread.
#pragma once

#include <string>
#include <vector>

#include "gateway/event.h"

namespace sluice {

class EventTap {
 public:
  class Watcher {
   public:
    virtual ~Watcher() = default;
    /// `seq`: what its rows will have; 0: no route takes it. From within the committer: nothing may be asked of it here.
    virtual void OnEvent(const Event& event, const std::string& source, Seq seq) = 0;
    /// There will be no more.
    virtual void OnEnd() = 0;
  };

  bool IsWatched() const { return !watchers_.empty(); }
  std::size_t watchers() const { return watchers_.size(); }
  void Show(const Event& event, const std::string& source, Seq seq);

  /// False: it was closed.
  bool Add(Watcher& watcher);
  void Remove(Watcher& watcher);
  /// Ends all that watch.
  void Close();

 private:
  std::vector<Watcher*> watchers_;
  bool closed_ = false;
};

}  // namespace sluice
