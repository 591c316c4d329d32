#include "gateway/ports.h"

namespace sluice {

std::string_view NameOf(DropReason reason) {
  switch (reason) {
    case DropReason::kQuota:
      return "quota";
    case DropReason::kExpired:
      return "ttl";
    case DropReason::kPurged:
      return "purged";
    case DropReason::kMoved:
      return "moved";
  }
  return "?";
}

}  // namespace sluice
