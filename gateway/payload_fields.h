// Fields of a JSON payload: as text for templates, as values for conditions.
//
//   a number               as it stands in the payload
//   a string               unescaped; a NUL, which few destinations can have, becomes `_`
//   true, false, null      the word
//   anything else          has no text: an object, an array, a field that is not there, a payload that is no JSON object
//
// A payload is parsed once, and only if a field is asked for; then only the way to that field is looked at. So a mistake elsewhere in the
// payload may go unseen. Names are compared as they stand in the payload, escapes included; of two equal ones the first counts.
//
// Pure. Thread: one at a time; the buffers are reused from payload to payload.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/field_value.h"
#include "gateway/result.h"

namespace sluice {

/// The way to a field through nested objects: `meta.site`.
struct FieldPath {
  std::string text;
  std::vector<std::string> names;

  /// kInvalid: a name is empty.
  static Result<FieldPath> Parse(std::string_view text);
};

class PayloadFields {
 public:
  PayloadFields();
  ~PayloadFields();

  /// The payload to read from now on. It must stay until the next Use.
  void Use(std::string_view payload);
  /// Appends the text of a field to `out`. False: it has none, and `out` is as before.
  bool Append(const FieldPath& path, std::string& out);
  /// The value of a field; kNone if it has none.
  void Read(const FieldPath& path, FieldValue& value);

 private:
  struct Parser;
  template <typename Take>
  bool Visit(const FieldPath& path, const Take& take);

  const std::unique_ptr<Parser> parser_;
};

}  // namespace sluice
