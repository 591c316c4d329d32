#include "drivers/file_sink.h"

#include <utility>

#include "drivers/cloud_event_json.h"
#include "drivers/line_file.h"

namespace sluice {

FileSink::FileSink(const FileSinkConfig& config, const Identity& identity, Loop& loop)
    : cloud_event_(identity), loop_(loop), file_(std::make_unique<LineFile>(config)) {}

FileSink::~FileSink() = default;

void FileSink::Open(SinkListener& listener) {
  listener_ = &listener;
}

void FileSink::Send(const Row& row) {
  cloud_event_.Set(row);
  AppendCloudEventJson(cloud_event_, row, lines_);
  lines_ += '\n';
  seqs_.push_back(row.seq);
}

void FileSink::Flush() {
  if (!writing_ && !seqs_.empty()) WriteGathered();
}

void FileSink::WriteGathered() {
  writing_ = true;
  auto result = std::make_unique<Result<void>>();
  Result<void>* answer = result.get();
  auto work = [file = file_.get(), lines = std::exchange(lines_, {}), answer] { *answer = file->Append(lines); };
  auto done = [this, generation = generation_, seqs = std::exchange(seqs_, {}), answer = result.release()] {
    const std::unique_ptr<Result<void>> owned(answer);
    OnWritten(generation, seqs, *owned);
  };
  loop_.Background(std::move(work), std::move(done));
}

void FileSink::OnWritten(std::uint64_t generation, const std::vector<Seq>& seqs, const Result<void>& result) {
  writing_ = false;
  if (when_idle_) return std::exchange(when_idle_, nullptr)();
  if (generation != generation_) return;
  for (Seq seq : seqs) listener_->OnVerdict(seq, result ? Verdict::kDelivered : Verdict::kRetry, result ? "" : result.error().message);
  // After a failure what was gathered behind it must not pass: the listener resets, which drops it.
  if (result && !seqs_.empty()) WriteGathered();
  listener_->OnVerdictsDone();
}

void FileSink::WhenIdle(std::function<void()> then) {
  ++generation_;
  lines_.clear();
  seqs_.clear();
  if (writing_) {
    when_idle_ = std::move(then);
  } else {
    loop_.Post(std::move(then));
  }
}

void FileSink::Reset(std::function<void()> ready) {
  WhenIdle(std::move(ready));
}

void FileSink::Close(std::function<void()> closed) {
  WhenIdle(std::move(closed));
}

}  // namespace sluice
