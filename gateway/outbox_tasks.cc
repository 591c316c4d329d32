#include "gateway/outbox_tasks.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "gateway/counter_json.h"
#include "gateway/json_text.h"
#include "gateway/lane_ranges.h"
#include "gateway/row_json.h"
#include "gateway/sink_rules.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPageBytes = 256u << 10;

Json StatsJson(const OutboxDesk& desk, const StoreCounters& counters) {
  Json json{{"gateway", desk.identity.gateway_id},
            {"outbox", desk.identity.outbox_id},
            {"last_seq", CounterOf(counters, "last_seq")},
            {"disk", DiskJson(counters, desk.max_bytes)},
            {"dead_letters_bytes", CounterOf(counters, "dead_letters_bytes")},
            {"sources", Json::object()},
            {"lanes", Json::array()}};
  for (const std::string& name : SourceNames(counters)) AddSourceCounters(counters, name, json["sources"][name]);
  const WallTime now = desk.wall_clock.Read().wall;
  for (const LaneState& lane : desk.lanes) {
    Json& of_lane = json["lanes"].emplace_back(Json{{"id", lane.id}, {"sink", lane.sink}, {"class", lane.lane_class}});
    of_lane["orphaned"] = desk.IsOrphaned(lane);
    AddOldestAge(counters, lane.id, now, of_lane);
    AddLaneCounters(counters, lane.id, of_lane);
  }
  return json;
}

class StatsTask : public ControlTask {
 public:
  StatsTask(const OutboxDesk& desk, ControlAnswer& answer) : desk_(desk), answer_(answer) {}

  void Next() override {
    if (std::exchange(asked_, true)) return answer_.End();
    desk_.store.Counters([this](const Result<StoreCounters>& counters) {
      if (!counters) return answer_.Fail(CannotNow(counters.error()));
      answer_.Send(JsonLine(StatsJson(desk_, *counters)));
    });
  }

 private:
  const OutboxDesk& desk_;
  ControlAnswer& answer_;
  bool asked_ = false;
};

/// list and export: over a selection, page by page.
class RowsTask : public ControlTask {
 public:
  RowsTask(const OutboxDesk& desk, LaneRanges ranges, std::uint64_t limit, bool whole, ControlAnswer& answer)
      : desk_(desk), answer_(answer), ranges_(std::move(ranges)), left_(limit), whole_(whole) {}

  void Next() override {
    if (ranges_.IsAtEnd() || left_ == 0 || !answer_.IsWanted()) return answer_.End();
    const std::size_t bytes = ranges_.IsOne() ? 1 : kPageBytes;
    desk_.store.Read(ranges_.lane(), ranges_.after(), bytes,
                     [this](const Result<LaneRead>& read) { read ? OnRead(*read) : answer_.Fail(CannotNow(read.error())); });
  }

 private:
  // Two ascending lists.
  void OnRead(const LaneRead& read) {
    if (!answer_.IsWanted()) return Next();
    lines_.clear();
    const LaneId lane = ranges_.lane();
    const Seq last = ranges_.last();
    Seq through = 0;
    auto damaged = read.damaged.begin();
    const auto tell_damaged = [&](Seq before) {
      for (; damaged != read.damaged.end() && *damaged < before; ++damaged) {
        through = *damaged;
        if (through <= last) Tell(Damaged(lane, through));
      }
    };
    for (const Row& row : read.rows) {
      tell_damaged(row.seq);
      through = row.seq;
      if (through <= last) Tell(TextOf(lane, row));
    }
    tell_damaged(kNoSeq);
    ranges_.Pass(through, read.end || through == 0);
    lines_.empty() ? Next() : answer_.Send(std::exchange(lines_, {}));
  }
  void Tell(std::string text) {
    if (left_ == 0) return;
    --left_;
    lines_ += std::move(text) + "\n";
  }
  std::string Damaged(LaneId lane, Seq seq) const {
    Json json = RowName(desk_.LaneOf(lane), seq, desk_.identity);
    json["damaged"] = true;
    return JsonText(json);
  }
  std::string TextOf(LaneId lane, const Row& row) const {
    Json json = RowName(desk_.LaneOf(lane), row.seq, desk_.identity);
    const auto age = std::chrono::floor<std::chrono::seconds>(desk_.wall_clock.Read().wall - row.event.received);
    json["time"] = CloudEvent::FormatTime(row.event.received);
    json["age_s"] = std::max<std::int64_t>(0, age.count());
    json["topic"] = row.event.topic;
    json["destination"] = row.destination;
    json["key"] = row.Key();
    json["bytes"] = row.event.payload.size();
    return whole_ ? WithEvent(std::move(json), row, desk_.event_json) : JsonText(json);
  }

  const OutboxDesk& desk_;
  ControlAnswer& answer_;
  LaneRanges ranges_;
  std::uint64_t left_;
  const bool whole_;
  std::string lines_;
};

class PurgeTask : public ControlTask {
 public:
  PurgeTask(const OutboxDesk& desk, LaneId lane, ControlAnswer& answer) : desk_(desk), answer_(answer), lane_(lane) {}

  /// Another configuration may have somebody forward the lane.
  bool NeedsGateway() const override { return true; }
  void Next() override {
    if (is_empty_ || !answer_.IsWanted()) return answer_.End();
    desk_.store.PurgeRows(lane_, [this](const Result<DroppedRows>& page) {
      if (!page) return answer_.Fail(CannotNow(page.error()));
      is_empty_ = page->events == 0;
      purged_ += page->events;
      answer_.Send(JsonLine(Json{{"purged", purged_}}));
    });
  }

 private:
  const OutboxDesk& desk_;
  ControlAnswer& answer_;
  const LaneId lane_;
  std::uint64_t purged_ = 0;
  bool is_empty_ = false;
};

// Empty: a sink of this type can have it.
std::string WhyUnfit(SinkType type, const std::string& destination) {
  // The event's own topic, or the sink's stream.
  if ((type == SinkType::kMqtt || type == SinkType::kKinesis) && destination.empty()) return "";
  std::string fitting = destination;
  std::string why = FitDestination(type, fitting);
  if (!why.empty() || fitting == destination) return why;
  return "`" + destination + "` is no " + RulesOf(type).destination_key + " of " + RulesOf(type).kind;
}

/// Holds the lane that gets them, so that all go out in its order.
class MoveTask : public ControlTask {
 public:
  MoveTask(const OutboxDesk& desk, LaneId from, LaneId to, std::optional<std::string> destination, ControlAnswer& answer)
      : desk_(desk), answer_(answer), to_(to), type_(desk.sinks.at(desk.LaneOf(to).sink)), origin_{from, 0, std::move(destination)} {}

  bool NeedsGateway() const override { return true; }
  void Next() override {
    if (!failure_.empty()) return Leave([this] { answer_.Fail(failure_); });
    if (is_at_end_ || !answer_.IsWanted()) return Leave([this] { answer_.End(); });
    if (!held_ && !Hold()) return;
    desk_.store.Read(origin_.lane, after_, kPageBytes,
                     [this](Result<LaneRead> read) { read ? OnRead(std::move(*read)) : FailWith(CannotNow(read.error())); });
  }

 private:
  bool Hold() {
    held_ = desk_.reentry.Hold(to_);
    if (!held_) {
      answer_.Fail("nobody forwards " + NameOf(desk_.LaneOf(to_)) + ": no route leads there, or the daemon is stopping");
    }
    return held_;
  }
  void Leave(const std::function<void()>& end) {
    if (std::exchange(held_, false)) desk_.reentry.Release(to_);
    end();
  }
  void FailWith(std::string why) {
    failure_ = std::move(why);
    Next();
  }
  void OnRead(LaneRead read) {
    is_at_end_ = read.end;
    stay_ += read.damaged.size();
    LaneReplay page;
    page.lane = to_;
    page.from = origin_;
    for (const Row& row : read.rows) {
      if (!Fits(row)) break;
      page.seqs.push_back(row.seq);
      page.bytes += Footprint(row);
    }
    after_ = std::max(read.rows.empty() ? 0 : read.rows.back().seq, read.damaged.empty() ? 0 : read.damaged.back());
    if (page.seqs.empty()) return failure_.empty() ? Tell() : Next();
    const Seq last = page.seqs.back();
    const std::size_t events = page.seqs.size();
    desk_.reentry.Replay(std::move(page), [this, last, events](const Result<void>& result) {
      if (!result) return FailWith(CannotNow(result.error()));
      origin_.previous = last;
      moved_ += events;
      Tell();
    });
  }
  void Tell() { answer_.Send(JsonLine(Json{{"moved", moved_}, {"stay", stay_}})); }
  // One that its new sink refused would hold up the lane, or become a dead letter: better told now.
  bool Fits(const Row& row) {
    if (origin_.destination) return true;
    const std::string why = WhyUnfit(type_, row.destination);
    if (why.empty()) return true;
    failure_ = "event " + std::to_string(origin_.lane) + "/" + std::to_string(row.seq) + " (destination `" + row.destination +
               "`) cannot go to " + NameOf(desk_.LaneOf(to_)) + ": " + why + "; say --destination. Those before it are moved";
    return false;
  }

  const OutboxDesk& desk_;
  ControlAnswer& answer_;
  const LaneId to_;
  const SinkType type_;
  LaneOrigin origin_;
  Seq after_ = 0;
  bool held_ = false;
  bool is_at_end_ = false;
  std::uint64_t moved_ = 0;
  std::uint64_t stay_ = 0;
  std::string failure_;
};

std::string TextMember(const nlohmann::json& request, const char* name) {
  return request.contains(name) && request[name].is_string() ? request[name].get<std::string>() : "";
}

ControlHandler RowsHandler(const OutboxDesk& desk, bool whole) {
  return [&desk, whole](const nlohmann::json& request, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
    Result<LaneRanges> ranges = LaneRanges::Parse(request, "a row", desk.lanes, desk.identity);
    if (!ranges) return tl::unexpected<Error>(ranges.error());
    const bool limited = request.contains("limit") && request["limit"].is_number_unsigned();
    const std::uint64_t limit = limited ? request["limit"].get<std::uint64_t>() : UINT64_MAX;
    return std::make_unique<RowsTask>(desk, std::move(*ranges), limit, whole, answer);
  };
}

/// The lane that `request` names, which nobody must forward.
Result<const LaneState*> OrphanOf(const OutboxDesk& desk, const nlohmann::json& request) {
  const std::string name = TextMember(request, "lane");
  const LaneState* lane = desk.FindLane(name);
  if (lane == nullptr) return Fail(ErrorCode::kInvalid, "the outbox has no lane `" + name + "` (SINK/CLASS)");
  if (!desk.IsOrphaned(*lane)) {
    return Fail(ErrorCode::kInvalid, "the sink `" + lane->sink +
                                         "` is configured: what waits for it is delivered; only lanes of sinks that were removed from the "
                                         "configuration can be purged or moved");
  }
  return lane;
}

Result<std::unique_ptr<ControlTask>> MakePurge(const OutboxDesk& desk, const nlohmann::json& request, ControlAnswer& answer) {
  const Result<const LaneState*> lane = OrphanOf(desk, request);
  if (!lane) return tl::unexpected<Error>(lane.error());
  return std::make_unique<PurgeTask>(desk, (*lane)->id, answer);
}

Result<std::unique_ptr<ControlTask>> MakeMove(const OutboxDesk& desk, const nlohmann::json& request, ControlAnswer& answer) {
  const Result<const LaneState*> from = OrphanOf(desk, request);
  if (!from) return tl::unexpected<Error>(from.error());
  const std::string name = TextMember(request, "to");
  const LaneState* to = desk.FindLane(name);
  if (to == nullptr)
    return Fail(ErrorCode::kInvalid,
                "the outbox has no lane `" + name + "` (SINK/CLASS); a route that leads there makes one at a start or a reload");
  if (desk.IsOrphaned(*to)) return Fail(ErrorCode::kInvalid, "the sink `" + to->sink + "` is not configured either");
  std::optional<std::string> destination;
  if (request.contains("destination")) destination = TextMember(request, "destination");
  if (destination) {
    const std::string why = WhyUnfit(desk.sinks.at(to->sink), *destination);
    if (!why.empty()) return Fail(ErrorCode::kInvalid, "--destination: " + why);
  }
  return std::make_unique<MoveTask>(desk, (*from)->id, to->id, std::move(destination), answer);
}

}  // namespace

void HandleOutbox(ControlCommands& commands, const OutboxDesk& desk) {
  commands.Add(
      "outbox.stats",
      [&desk](const nlohmann::json&, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
        return std::make_unique<StatsTask>(desk, answer);
      },
      CommandKind::kReport);
  commands.Add("outbox.list", RowsHandler(desk, false), CommandKind::kEvents);
  commands.Add("outbox.export", RowsHandler(desk, true), CommandKind::kEvents);
  commands.Add("outbox.purge", [&desk](const nlohmann::json& request, ControlAnswer& answer) { return MakePurge(desk, request, answer); });
  commands.Add("outbox.move", [&desk](const nlohmann::json& request, ControlAnswer& answer) { return MakeMove(desk, request, answer); });
}

}  // namespace sluice
