// What the ledger says, for those who look often: all who ask at the same time get one answer of the store, and nobody waits for long for a
// store that does not answer.
//
// Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/ports.h"

namespace sluice {

class LedgerDesk {
 public:
  static constexpr std::chrono::seconds kPatience{2};

  struct Answer {
    std::optional<StoreCounters> counters;  ///< The last there were; nothing: there were none yet.
    std::string trouble;                    ///< Why they are not of this moment; empty: they are.
  };
  using Done = std::function<void(const Answer&)>;

  /// Both outlive the desk, but no answer of the store does.
  LedgerDesk(EventStore& store, Clock& clock);

  /// `done` runs once, never from within the call.
  void Ask(Done done);
  /// The store closes: those who ask get what is known.
  void Close() { closed_ = true; }

 private:
  void OnCounters(Result<StoreCounters> counters);
  void Tell(const std::string& trouble);

  EventStore& store_;
  const std::unique_ptr<Timer> patience_;  // Running while somebody waits.
  std::vector<Done> waiting_;
  bool asked_ = false;  // The store has not answered yet.
  bool closed_ = false;
  std::optional<StoreCounters> known_;
};

}  // namespace sluice
