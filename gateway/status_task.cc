#include "gateway/status_task.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/json_text.h"

namespace sluice {
namespace {

class StatusTask : public ControlTask {
 public:
  StatusTask(EventStore& store, std::function<StatusFacts()> facts, ControlAnswer& answer)
      : store_(store), facts_(std::move(facts)), answer_(answer) {}

  void Next() override {
    if (std::exchange(asked_, true)) return answer_.End();
    store_.Counters([this](Result<StoreCounters> counters) { OnCounters(std::move(counters)); });
  }

 private:
  void OnCounters(Result<StoreCounters> counters) {
    if (!counters) return answer_.Fail("the outbox cannot be read: " + counters.error().message);
    StatusFacts facts = facts_();
    facts.counters = std::move(*counters);
    answer_.Send(JsonText(StatusDocument(facts)) + "\n");
  }

  EventStore& store_;
  const std::function<StatusFacts()> facts_;
  ControlAnswer& answer_;
  bool asked_ = false;
};

}  // namespace

ControlHandler StatusHandler(EventStore& store, std::function<StatusFacts()> facts) {
  return [&store, facts = std::move(facts)](const nlohmann::json&, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
    return std::make_unique<StatusTask>(store, facts, answer);
  };
}

}  // namespace sluice
