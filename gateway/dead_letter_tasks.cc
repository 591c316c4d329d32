#include "gateway/dead_letter_tasks.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "gateway/json_text.h"
#include "gateway/letter_selection.h"
#include "gateway/row_json.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Json LetterJson(const OutboxDesk& desk, const KeptLetter& kept) {
  Json json = RowName(desk.LaneOf(kept.letter.lane), kept.letter.seq, desk.identity);
  json["time"] = CloudEvent::FormatTime(kept.letter.when);
  json["reason"] = kept.letter.reason;
  json["attempts"] = kept.letter.attempts;
  json["topic"] = kept.row.event.topic;
  json["destination"] = kept.row.destination;
  json["key"] = kept.row.Key();
  json["bytes"] = kept.payload_bytes;
  if (kept.damaged) json["damaged"] = true;
  return json;
}

/// Goes over a selection page by page; what is done with a page is the subclass's.
class LetterTask : public ControlTask {
 public:
  LetterTask(const OutboxDesk& desk, LetterSelection selection, bool with_payload, ControlAnswer& answer)
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
    answer_.Fail(CannotNow(error));
  }
  static std::vector<Seq> SeqsOf(const LetterPage& page) {
    std::vector<Seq> seqs;
    for (const KeptLetter& kept : page.letters) seqs.push_back(kept.letter.seq);
    return seqs;
  }

  const OutboxDesk& desk_;
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
    for (const KeptLetter& kept : page.letters) lines += JsonLine(LetterJson(desk_, kept));
    answer_.Send(std::move(lines));
  }
};

class ExportTask : public LetterTask {
 public:
  using LetterTask::LetterTask;

 private:
  void OnPage(LaneId, LetterPage page) override {
    std::string lines;
    for (const KeptLetter& kept : page.letters) lines += WithEvent(LetterJson(desk_, kept), kept.row, desk_.event_json) + "\n";
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
      answer_.Send(JsonLine(Json{{"purged", purged_}}));
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
      return answer_.Fail("the letters of lane " + std::to_string(lane) + " have nowhere to go: the sink `" + desk_.LaneOf(lane).sink +
                          "` is not configured any more, or the daemon is stopping; export and purge them, or configure it again");
    }
    const std::size_t letters = page.letters.size();
    desk_.reentry.Replay({lane, SeqsOf(page), BytesOf(page)}, [this, letters](const Result<void>& result) {
      if (!result) return Fail(result.error());
      replayed_ += letters;
      Tell();
    });
  }
  static Bytes BytesOf(const LetterPage& page) {
    Bytes bytes = 0;
    for (const KeptLetter& kept : page.letters) bytes += Footprint(kept.row) + kept.payload_bytes;
    return bytes;
  }
  void Tell() { answer_.Send(JsonLine(Json{{"replayed", replayed_}, {"stay", stay_}})); }
  bool Hold(LaneId lane) {
    if (held_ == lane) return true;
    Leave();
    if (desk_.reentry.Hold(lane)) held_ = lane;
    return held_.has_value();
  }
  void Leave() override {
    if (held_) desk_.reentry.Release(*held_);
    held_.reset();
  }

  std::optional<LaneId> held_;
  std::uint64_t replayed_ = 0;
  std::uint64_t stay_ = 0;
};

template <typename Task>
ControlHandler HandlerOf(const OutboxDesk& desk, bool with_payload) {
  return [&desk, with_payload](const nlohmann::json& request, ControlAnswer& answer) -> Result<std::unique_ptr<ControlTask>> {
    Result<LetterSelection> selection = LetterSelection::Parse(request, desk.lanes, desk.identity);
    if (!selection) return tl::unexpected<Error>(selection.error());
    return std::make_unique<Task>(desk, std::move(*selection), with_payload, answer);
  };
}

}  // namespace

void HandleDeadLetters(ControlCommands& commands, const OutboxDesk& desk) {
  commands.Add("dead-letters.list", HandlerOf<ListTask>(desk, false), CommandKind::kEvents);
  commands.Add("dead-letters.export", HandlerOf<ExportTask>(desk, true), CommandKind::kEvents);
  commands.Add("dead-letters.purge", HandlerOf<PurgeTask>(desk, false), CommandKind::kChange);
  commands.Add("dead-letters.replay", HandlerOf<ReplayTask>(desk, false), CommandKind::kChange);
}

}  // namespace sluice
