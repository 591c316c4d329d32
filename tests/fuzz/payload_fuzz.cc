// A payload as a sensor may send it: a byte for the format, then the payload. What templates and conditions see of it must be the same,
// asked once or twice, before or after other fields.
#include <cmath>

#include "fuzz_input.h"
#include "gateway/payload_fields.h"

namespace sluice {
namespace {

const char* const kPaths[] = {"value", "temp", "meta.site", "meta", "a.b.c.d", "a", "a.b", "\xc3\xa4", "a\\\"b", "0"};

void Check(PayloadFields& fields, const FieldPath& path) {
  FieldValue value;
  fields.Read(path, value);
  FieldValue again;
  fields.Read(path, again);
  Demand(value.kind == again.kind && value.text == again.text, "a field is the same when it is read again", path.text);
  std::string text = "before ";
  const bool has_text = fields.Append(path, text);
  Demand(has_text || text == "before ", "a field without text appends nothing", path.text);
  Demand(!has_text || text == "before " + value.text, "a template sees what a condition sees", path.text);
  Demand(has_text || value.kind == FieldValue::Kind::kNone, "a value has a text", path.text);
  Demand(text.find('\0') == std::string::npos, "a text has no NUL", path.text);
  Demand(value.kind != FieldValue::Kind::kNumber || !std::isnan(value.number), "a number is one", path.text);
}

void Fuzz(FuzzInput input) {
  static PayloadFields fields;
  constexpr PayloadFormat kFormats[] = {PayloadFormat::kJson, PayloadFormat::kCbor, PayloadFormat::kMessagePack, PayloadFormat::kText};
  const PayloadFormat format = input.OneOf(kFormats);
  const std::string_view payload = input.Rest();
  fields.Use(payload, format);
  for (const char* path : kPaths) Check(fields, *FieldPath::Parse(path));
  for (const char* path : kPaths) Check(fields, *FieldPath::Parse(path));
  Demand(!fields.IsUndecodable() || format != PayloadFormat::kText, "a plain text is never broken");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::Fuzz({data, size});
  return 0;
}
