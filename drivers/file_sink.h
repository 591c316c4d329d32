// The file sink: JSON Lines, one CloudEvents 1.0 object (drivers/cloud_event_json.h) a line.
//
// Invariants
//  1. kDelivered is said only after an fsync of the line.
//  2. A torn last line (power cut, full disk) is cut before anything is appended.
//  3. Several sinks may write to one file (drivers/line_file.h). One that cannot get at it within a second gives kRetry.
//
// Loop thread; writing and fsync run on the thread pool, one group at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/cloud_event.h"
#include "gateway/loop.h"
#include "gateway/ports.h"

namespace sluice {

class LineFile;

class FileSink : public Sink {
 public:
  FileSink(const FileSinkConfig& config, const Identity& identity, Loop& loop);
  ~FileSink() override;

  void Open(SinkListener& listener) override;
  void Send(const Row& row) override;
  void Flush() override;
  void Reset(std::function<void()> ready) override;
  void Close(std::function<void()> closed) override;

 private:
  void WriteGathered();
  void OnWritten(std::uint64_t generation, const std::vector<Seq>& seqs, const Result<void>& result);
  void WhenIdle(std::function<void()> then);

  CloudEvent cloud_event_;
  Loop& loop_;
  SinkListener* listener_ = nullptr;
  std::unique_ptr<LineFile> file_;  // Used by the pool while writing_, by the loop otherwise.
  std::string lines_;               // Gathered since the last write began.
  std::vector<Seq> seqs_;
  bool writing_ = false;
  std::uint64_t generation_ = 0;  // Verdicts of an older one are not told.
  std::function<void()> when_idle_;
};

}  // namespace sluice
