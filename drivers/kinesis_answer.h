// What an answer to PutRecords says about each record, and about the call. Source: Amazon Kinesis Data Streams API reference, PutRecords
// and "Common errors".
//
// Only one thing is a success: status 200, in AWS' JSON, with as many results as there were records, each with either a sequence number or
// an error. Anything else (a captive portal's page, a redirect, a proxy's error, half an answer) is a failure of the whole call.
//
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "drivers/http_client.h"
#include "gateway/ports.h"

namespace sluice {

/// Why a whole call failed.
struct KinesisFailure {
  Verdict verdict = Verdict::kRetry;  ///< kRejected: Kinesis says that the content is wrong.
  std::string reason;                 ///< One line.
  bool keys_refused = false;          ///< Other keys may help.
  bool signature_refused = false;     ///< Another clock may help.
};

struct KinesisOutcome {
  std::optional<KinesisFailure> failure;
  std::vector<std::string> errors;  ///< If the call did not fail: for each record, by index, why it was not taken; empty if it was.
};

KinesisOutcome ReadPutRecordsAnswer(const HttpAnswer& answer, std::size_t records);

}  // namespace sluice
