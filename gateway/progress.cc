#include "gateway/progress.h"

#include <utility>

namespace sluice {

std::vector<std::string> Progress::Stuck(const std::vector<PartWork>& parts, MonotonicTime now) {
  std::map<std::string, Seen> seen;
  std::vector<std::string> stuck;
  for (const PartWork& part : parts) {
    if (!part.has_work) continue;
    const auto before = seen_.find(part.part);
    const bool same = before != seen_.end() && before->second.done == part.done;
    const Seen& present = seen[part.part] = {part.done, same ? before->second.since : now};
    if (now - present.since > limit_) stuck.push_back(part.part);
  }
  seen_ = std::move(seen);
  return stuck;
}

}  // namespace sluice
