#include "gateway/tail_task.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "gateway/cloud_event.h"
#include "gateway/json_text.h"
#include "gateway/paint.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

// What comes together goes out together.
constexpr std::chrono::milliseconds kGather{10};
// A client that has gone shows only when something is written.
constexpr std::chrono::seconds kHeartbeat{5};
// Of a payload, as text.
constexpr std::size_t kTextBytes = 2'000;

struct TailRequest {
  TopicFilter filter;
  std::string source;  // Empty: of any.
  std::uint64_t limit = UINT64_MAX;
  bool as_text = false;
};

class TailTask : public ControlTask, private EventTap::Watcher {
 public:
  TailTask(EventTap& tap, Clock& clock, const OutboxDesk& desk, TailRequest request, ControlAnswer& answer)
      : tap_(tap), desk_(desk), request_(std::move(request)), answer_(answer), wake_(clock.NewTimer([this] { Send(); })) {
    ended_ = !tap.Add(*this);
  }
  ~TailTask() override { tap_.Remove(*this); }

  bool OutlivesReload() const override { return true; }
  void Next() override {
    is_sending_ = false;
    if (!answer_.IsWanted()) return End();
    if (!lines_.empty()) return Send();
    if (ended_ || left() == 0) return End();
    wake_->Start(kHeartbeat);
  }

 private:
  std::uint64_t left() const { return request_.limit - shown_; }

  void OnEvent(const Event& event, const std::string& source, Seq seq) override {
    Captures captures;
    if (left() == 0 || (!request_.source.empty() && source != request_.source) || !request_.filter.Matches(event.topic, captures)) return;
    if (lines_.size() >= kMaxTailBuffer) {
      ++missed_;
      return;
    }
    std::string line = request_.as_text ? TextOf(event, source, seq) : JsonOf(event, source, seq);
    if (lines_.size() + line.size() > kMaxTailBuffer && !lines_.empty()) {
      ++missed_;
      return;
    }
    lines_ += std::move(line) + "\n";
    ++shown_;
    if (!std::exchange(is_due_, true) && !is_sending_) wake_->Start(kGather);
  }
  void OnEnd() override {
    ended_ = true;
    if (!is_sending_) lines_.empty() ? End() : Send();
  }

  void Send() {
    wake_->Stop();
    is_due_ = false;
    is_sending_ = true;
    if (lines_.empty() || told_missed_ != missed_) lines_ += JsonLine(Json{{"missed", missed_}});
    told_missed_ = missed_;
    answer_.Send(std::exchange(lines_, {}));
  }
  void End() {
    tap_.Remove(*this);
    wake_->Stop();
    answer_.End();
  }

  static std::string TextOf(const Event& event, const std::string& source, Seq seq) {
    std::string text = Printable(event.payload.substr(0, kTextBytes));
    if (event.payload.size() > kTextBytes) text += "...";
    return JsonText(Json{{"time", CloudEvent::FormatTime(event.received)},
                         {"source", source},
                         {"topic", event.topic},
                         {"routed", seq != 0},
                         {"text", std::move(text)},
                         {"bytes", event.payload.size()}});
  }
  std::string JsonOf(const Event& event, const std::string& source, Seq seq) const {
    Row row;
    row.seq = seq;
    row.source = source;
    row.event = event;
    std::string text = JsonText(Json{{"source", source}, {"qos", event.qos}, {"retained", event.retained}, {"routed", seq != 0}});
    text.pop_back();
    return text + ",\"cloudevent\":" + desk_.event_json(row) + "}";
  }

  EventTap& tap_;
  const OutboxDesk& desk_;
  const TailRequest request_;
  ControlAnswer& answer_;
  const std::unique_ptr<Timer> wake_;  // Running: lines are gathered, or nothing comes.
  std::string lines_;
  std::uint64_t shown_ = 0;
  std::uint64_t missed_ = 0;
  std::uint64_t told_missed_ = 0;
  bool is_due_ = false;      // Lines are gathered.
  bool is_sending_ = false;  // The client is taking what was sent.
  bool ended_ = false;
};

Result<TailRequest> ParseRequest(const nlohmann::json& request) {
  const auto text = [&](const char* name, const char* otherwise) {
    return request.contains(name) && request[name].is_string() ? request[name].get<std::string>() : std::string(otherwise);
  };
  Result<TopicFilter> filter = TopicFilter::Parse(text("filter", "#"));
  if (!filter) return Fail(ErrorCode::kInvalid, "no topic filter: " + filter.error().message);
  TailRequest parsed{.filter = std::move(*filter), .source = text("source", "")};
  if (request.contains("limit") && request["limit"].is_number_unsigned()) parsed.limit = request["limit"].get<std::uint64_t>();
  parsed.as_text = text("as", "json") == "text";
  return parsed;
}

}  // namespace

ControlHandler TailHandler(EventTap& tap, Clock& clock, const OutboxDesk& desk) {
  return [&tap, &clock, &desk](const nlohmann::json& request, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
    Result<TailRequest> parsed = ParseRequest(request);
    if (!parsed) return tl::unexpected<Error>(parsed.error());
    if (tap.watchers() >= kMaxTails) return Fail(ErrorCode::kInvalid, "so many watch already; end one of them");
    return std::make_unique<TailTask>(tap, clock, desk, std::move(*parsed), answer);
  };
}

}  // namespace sluice
