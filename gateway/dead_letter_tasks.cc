#include "gateway/dead_letter_tasks.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "gateway/json_text.h"
#include "gateway/letter_selection.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

std::string Line(const Json& json) {
  return JsonText(json) + "\n";
}

const LaneState& LaneOf(const LetterDesk& desk, LaneId id) {
  return *std::find_if(desk.lanes.begin(), desk.lanes.end(), [&](const LaneState& lane) { return lane.id == id; });
}

Json LetterJson(const LetterDesk& desk, const KeptLetter& kept) {
  const LaneState& lane = LaneOf(desk, kept.letter.lane);
  const std::string seq = std::to_string(kept.letter.seq);
  Json json{{"id", std::to_string(lane.id) + "/" + seq},
            {"event", desk.identity.gateway_id + ":" + desk.identity.outbox_id + ":" + seq},
            {"sink", lane.sink},
            {"class", lane.lane_class},
            {"time", CloudEvent::FormatTime(kept.letter.when)},
            {"reason", kept.letter.reason},
            {"attempts", kept.letter.attempts},
            {"topic", kept.row.event.topic},
            {"destination", kept.row.destination},
            {"key", kept.row.Key()},
            {"bytes", kept.payload_bytes}};
  if (kept.damaged) json["damaged"] = true;
  return json;
}

// With the payload: what the list has, what the event itself does not say, and the event.
std::string WholeLetter(const LetterDesk& desk, const KeptLetter& kept) {
  Json json = LetterJson(desk, kept);
  const Event& event = kept.row.event;
  json["source"] = kept.row.source;
  json["qos"] = event.qos;
  json["retained"] = event.retained;
  json["properties"] = Json::array();
  for (const Property& property : event.properties) json["properties"].push_back({{"name", property.name}, {"value", property.value}});
  std::string text = JsonText(json);
  text.pop_back();
  return text + ",\"cloudevent\":" + desk.event_json(kept.row) + "}";
}

/// Goes over a selection page by page; what is done with a page is the subclass's.
class LetterTask : public ControlTask {
 public:
  LetterTask(const LetterDesk& desk, LetterSelection selection, bool with_payload, ControlAnswer& answer)
      : desk_(desk), answer_(answer), selection_(std::move(selection)), with_payload_(with_payload) {}

  void Next() override {
    if (!selection_.IsAtEnd() && answer_.IsWanted()) return ReadPage();
    Leave();
    answer_.End();
  }

 protected:
  /// Ends with answer_.Send.
  virtual void OnPage(LaneId lane, LetterPage page) = 0;
  /// Before the answer ends, whichever way.
  virtual void Leave() {}

  void Fail(const Error& error) {
    Leave();
    answer_.Fail("the outbox cannot do it now: " + error.message);
  }
  static std::vector<Seq> SeqsOf(const LetterPage& page) {
    std::vector<Seq> seqs;
    for (const KeptLetter& kept : page.letters) seqs.push_back(kept.letter.seq);
    return seqs;
  }

  const LetterDesk& desk_;
  ControlAnswer& answer_;

 private:
  void ReadPage() {
    desk_.store.ReadLetters(selection_.NextQuery(with_payload_), [this](Result<LetterPage> page) { OnRead(std::move(page)); });
  }
  void OnRead(Result<LetterPage> page) {
    if (!page) return Fail(page.error());
    const LaneId lane = selection_.lane();
    selection_.Advance(*page);
    page->letters.empty() || !answer_.IsWanted() ? Next() : OnPage(lane, std::move(*page));
  }

  LetterSelection selection_;
  const bool with_payload_;
};

class ListTask : public LetterTask {
 public:
  using LetterTask::LetterTask;

 private:
  void OnPage(LaneId, LetterPage page) override {
    std::string lines;
    for (const KeptLetter& kept : page.letters) lines += Line(LetterJson(desk_, kept));
    answer_.Send(std::move(lines));
  }
};

class ExportTask : public LetterTask {
 public:
  using LetterTask::LetterTask;

 private:
  void OnPage(LaneId, LetterPage page) override {
    std::string lines;
    for (const KeptLetter& kept : page.letters) lines += WholeLetter(desk_, kept) + "\n";
    answer_.Send(std::move(lines));
  }
};

class PurgeTask : public LetterTask {
 public:
  using LetterTask::LetterTask;

 private:
  void OnPage(LaneId lane, LetterPage page) override {
    desk_.store.PurgeLetters(lane, SeqsOf(page), [this](const Result<std::uint64_t>& purged) {
      if (!purged) return Fail(purged.error());
      purged_ += *purged;
      answer_.Send(Line({{"purged", purged_}}));
    });
  }

  std::uint64_t purged_ = 0;
};

/// Holds one lane after the other, so that its rows go out in order once all of its letters are back. What was never given to its sink
/// stays: it has no place in its lane, and what it lacks a second try would lack too.
class ReplayTask : public LetterTask {
 public:
  using LetterTask::LetterTask;
  bool NeedsGateway() const override { return true; }

 private:
  void OnPage(LaneId lane, LetterPage page) override {
    stay_ += std::erase_if(page.letters, [](const KeptLetter& kept) { return kept.letter.attempts == 0; });
    if (page.letters.empty()) return Tell();
    if (!Hold(lane)) {
      return answer_.Fail("the letters of lane " + std::to_string(lane) + " have nowhere to go: the sink `" + LaneOf(desk_, lane).sink +
                          "` is not configured any more, or the daemon is stopping; export and purge them, or configure it again");
    }
    const std::size_t letters = page.letters.size();
    desk_.committer.Replay({lane, SeqsOf(page)}, [this, letters](const Result<void>& result) {
      if (!result) return Fail(result.error());
      replayed_ += letters;
      Tell();
    });
  }
  void Tell() { answer_.Send(Line({{"replayed", replayed_}, {"stay", stay_}})); }
  bool Hold(LaneId lane) {
    if (held_ == lane) return true;
    Leave();
    if (desk_.committer.Hold(lane)) held_ = lane;
    return held_.has_value();
  }
  void Leave() override {
    if (held_) desk_.committer.Release(*held_);
    held_.reset();
  }

  std::optional<LaneId> held_;
  std::uint64_t replayed_ = 0;
  std::uint64_t stay_ = 0;
};

template <typename Task>
ControlHandler HandlerOf(const LetterDesk& desk, bool with_payload) {
  return [&desk, with_payload](const nlohmann::json& request, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
    Result<LetterSelection> selection = LetterSelection::Parse(request, desk.lanes, desk.identity);
    if (!selection) return tl::unexpected<Error>(selection.error());
    return std::make_unique<Task>(desk, std::move(*selection), with_payload, answer);
  };
}

}  // namespace

void HandleDeadLetters(ControlCommands& commands, const LetterDesk& desk) {
  commands.Add("dead-letters.list", HandlerOf<ListTask>(desk, false), CommandKind::kEvents);
  commands.Add("dead-letters.export", HandlerOf<ExportTask>(desk, true), CommandKind::kEvents);
  commands.Add("dead-letters.purge", HandlerOf<PurgeTask>(desk, false), CommandKind::kChange);
  commands.Add("dead-letters.replay", HandlerOf<ReplayTask>(desk, false), CommandKind::kChange);
}

}  // namespace sluice
