#include "gateway/last_good_keeper.h"

#include <utility>

#include "gateway/log.h"

namespace sluice {

LastGoodKeeper::LastGoodKeeper(Loop& loop, std::optional<LastGood> last_good) : loop_(loop), last_good_(std::move(last_good)) {}

void LastGoodKeeper::Keep(ConfigFiles files) {
  if (!last_good_) return;
  if (is_writing_) {
    next_ = std::move(files);
    return;
  }
  is_writing_ = true;
  loop_.Background(
      [last_good = *last_good_, files = std::move(files)] {
        if (Result<void> kept = last_good.Keep(files); !kept) {
          Log(LogLevel::kWarning, "config", "this configuration could not be kept for a start with a broken one",
              {{"reason", kept.error().message}});
        }
      },
      [this] {
        is_writing_ = false;
        if (next_) Keep(*std::exchange(next_, std::nullopt));
      });
}

}  // namespace sluice
