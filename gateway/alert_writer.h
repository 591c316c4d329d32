// Writes the notifications of one rule: labels, annotations, values, ids; and not too many of them.
//
// Pure: time is data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/alert_document.h"
#include "gateway/alive_clock.h"
#include "gateway/rule_memory.h"
#include "gateway/rule_program.h"
#include "gateway/rule_reading.h"

namespace sluice {

/// What caused a change: an event, or time.
struct AlertCause {
  Seq seq = 0;      ///< Of the event; 0: time did,
  AliveTime at{0};  ///< at this one on the clock of the rules.
};

class AlertWriter {
 public:
  /// `id_prefix`: "<gateway>:<outbox>:". The references outlive the writer.
  AlertWriter(RuleProgram& program, RuleReading& reading, std::string id_prefix);

  /// The alert of the key that is read fires: `incident` is what there is to know of it later. It may be suppressed.
  void Fire(const std::vector<SampleWindow>* windows, const RuleMoment& now, WallTime active, const AlertCause& cause, Incident& incident,
            std::vector<AlertEvent>& alerts);
  /// It is over.
  void Resolve(const std::vector<SampleWindow>* windows, const RuleMoment& now, WallTime active, const AlertCause& cause,
               const std::string& reason, const Incident& incident, std::vector<AlertEvent>& alerts);
  /// Of the key that is read.
  NamedTexts Labels() const;
  std::uint64_t suppressed() const { return suppressed_; }

 private:
  AlertDocument Describe(const std::vector<SampleWindow>* windows, const RuleMoment& now, WallTime active, const AlertCause& cause);
  NamedTexts Render(const std::vector<RuleProgram::Text>& texts, const AlertDocument& document) const;
  void AppendName(std::string& out, std::size_t name, const AlertDocument& document) const;
  std::string NewId(std::string id);
  bool TakeToken(AliveTime now);

  RuleProgram& program_;
  RuleReading& reading_;
  const std::string id_prefix_;
  double tokens_;
  AliveTime tokens_at_{0};
  std::uint64_t suppressed_ = 0;
  std::uint64_t untold_ = 0;
  std::string last_id_;
  int times_ = 0;  // In a row.
};

}  // namespace sluice
