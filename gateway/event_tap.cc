#include "gateway/event_tap.h"

#include <utility>

namespace sluice {

void EventTap::Show(const Event& event, const std::string& source, Seq seq) {
  for (Watcher* watcher : watchers_) watcher->OnEvent(event, source, seq);
}

bool EventTap::Add(Watcher& watcher) {
  if (closed_) return false;
  watchers_.push_back(&watcher);
  return true;
}

void EventTap::Remove(Watcher& watcher) {
  std::erase(watchers_, &watcher);
}

void EventTap::Close() {
  closed_ = true;
  for (Watcher* watcher : std::exchange(watchers_, {})) watcher->OnEnd();
}

}  // namespace sluice
