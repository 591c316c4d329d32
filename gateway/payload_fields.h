// Fields of a payload: as text for templates, as values for conditions.
//
//   a number               as it stands in the payload; of CBOR and MessagePack in its shortest form
//   a string               unescaped; a NUL, which few destinations can have, becomes `_`
//   true, false, null      the word
//   anything else          has no text: an object, an array, a field that is not there
//
// What is no object, but a number, a word or a text, is the field `value`:
//
//   JSON, unless it begins with `{`; text     the whole, without the spaces around it; a JSON string unescaped. Not null, nor more than
//                                             4 KiB; of JSON no array
//   CBOR, MessagePack                         a scalar alone (gateway/binary_payload.h)
//
// A payload is parsed once, and only if a field is asked for. Of a JSON object only the way to that field is looked at; so a mistake
// elsewhere in it may go unseen. Names are compared as they stand in the payload, escapes included; of two equal ones the first counts.
//
// Pure. Thread: one at a time; the buffers are reused from payload to payload.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
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
  void Use(std::string_view payload, PayloadFormat format);
  /// Appends the text of a field to `out`. False: it has none, and `out` is as before.
  bool Append(const FieldPath& path, std::string& out);
  /// The value of a field; kNone if it has none.
  void Read(const FieldPath& path, FieldValue& value);
  /// It was to be an object (JSON that begins with `{`; CBOR and MessagePack, unless empty), and is broken, as far as the fields that were
  /// asked for have shown; so false before the first.
  bool IsUndecodable() const;

 private:
  struct Parser;

  const std::unique_ptr<Parser> parser_;
};

}  // namespace sluice
