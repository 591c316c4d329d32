#include "gateway/ledger_desk.h"

#include <utility>

namespace sluice {

LedgerDesk::LedgerDesk(EventStore& store, Clock& clock)
    : store_(store), patience_(clock.NewTimer([this] { Tell(closed_ ? "the outbox is closing" : "the outbox does not answer"); })) {}

void LedgerDesk::Ask(Done done) {
  waiting_.push_back(std::move(done));
  if (closed_) return patience_->Start(std::chrono::milliseconds(0));
  if (waiting_.size() == 1) patience_->Start(kPatience);
  if (std::exchange(asked_, true)) return;
  store_.Counters([this](Result<StoreCounters> counters) { OnCounters(std::move(counters)); });
}

void LedgerDesk::OnCounters(Result<StoreCounters> counters) {
  asked_ = false;
  if (counters) known_ = std::move(*counters);
  Tell(counters ? "" : counters.error().message);
}

void LedgerDesk::Tell(const std::string& trouble) {
  patience_->Stop();
  const Answer answer{known_, trouble};
  for (const Done& done : std::exchange(waiting_, {})) done(answer);
}

}  // namespace sluice
