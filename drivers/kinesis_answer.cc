#include "drivers/kinesis_answer.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "drivers/json_member.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxReason = 300;

// What no resending mends.
constexpr std::string_view kContent[] = {"ValidationException", "InvalidArgumentException", "SerializationException"};
// The right keys are refused with these as well, if the clock is wrong.
constexpr std::string_view kSignature[] = {"SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"};
constexpr std::string_view kKeys[] = {"ExpiredToken",         "ExpiredTokenException", "UnrecognizedClientException",
                                      "InvalidClientTokenId", "AccessDeniedException", "MissingAuthenticationToken"};

template <std::size_t N>
bool IsOneOf(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// The first line: after it AWS repeats what was to be signed, a session's token included.
std::string OneLine(const std::string& text) {
  const auto end = std::find_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; });
  return text.substr(0, std::min(static_cast<std::size_t>(end - text.begin()), kMaxReason));
}

KinesisFailure Failed(const HttpAnswer& answer, const std::string& what) {
  KinesisFailure failure;
  failure.reason = "status " + std::to_string(answer.status) + ": " + OneLine(what);
  if (!answer.request_id.empty()) failure.reason += " (request " + OneLine(answer.request_id) + ")";
  return failure;
}

// "com.amazonaws.kinesis.v20131202#ValidationException:http://..." in its middle part.
std::string ErrorName(const Json& body) {
  const std::string type = TextOf(body, "__type");
  const std::size_t begin = type.find('#') == std::string::npos ? 0 : type.find('#') + 1;
  return type.substr(begin, type.find(':', begin) - begin);
}

KinesisFailure ReadFailure(const HttpAnswer& answer, const Json& body) {
  const std::string name = body.is_object() ? ErrorName(body) : "";
  if (name.empty()) return Failed(answer, "not an answer of Kinesis (" + answer.content_type + ")");
  const std::string lower = TextOf(body, "message");
  KinesisFailure failure = Failed(answer, name + ": " + (lower.empty() ? TextOf(body, "Message") : lower));
  failure.signature_refused = IsOneOf(name, kSignature);
  failure.keys_refused = failure.signature_refused || IsOneOf(name, kKeys) || answer.status == 403;
  if (answer.status == 400 && IsOneOf(name, kContent)) failure.verdict = Verdict::kRejected;
  return failure;
}

// Why the record was not taken; nothing if the result makes no sense.
std::optional<std::string> ReadResult(const Json& result) {
  if (!result.is_object()) return std::nullopt;
  std::string error = TextOf(result, "ErrorCode");
  const bool taken = !TextOf(result, "SequenceNumber").empty();
  if (taken == !error.empty()) return std::nullopt;
  return error;
}

}  // namespace

KinesisOutcome ReadPutRecordsAnswer(const HttpAnswer& answer, std::size_t records) {
  KinesisOutcome outcome;
  const bool is_aws = answer.content_type.starts_with("application/x-amz-json-1.1") || answer.content_type.starts_with("application/json");
  const Json body = is_aws ? Json::parse(answer.body, nullptr, false) : Json();
  if (answer.status != 200 || !body.is_object()) {
    outcome.failure = ReadFailure(answer, body);
    return outcome;
  }
  const auto results = body.find("Records");
  if (results == body.end() || !results->is_array() || results->size() != records) {
    outcome.failure = Failed(answer, "the answer does not speak of each record");
    return outcome;
  }
  for (const Json& result : *results) {
    std::optional<std::string> error = ReadResult(result);
    if (!error) {
      outcome.failure = Failed(answer, "the answer speaks of a record neither as taken nor as refused");
      return outcome;
    }
    outcome.errors.push_back(std::move(*error));
  }
  return outcome;
}

}  // namespace sluice
