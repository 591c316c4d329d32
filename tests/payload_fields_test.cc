#include "gateway/payload_fields.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice {
namespace {

TEST_CASE("payload fields: values for conditions") {
  PayloadFields fields;
  const std::string payload =
      R"({"temp": 81.5, "n": -3, "s": "a\"b", "t": true, "f": false, "z": null, "o": {"x": {"y": 7}}, "a": [1], "big": 1e999, "digits": "79"})";
  fields.Use(payload);
  FieldValue v;
  using K = FieldValue::Kind;
  const auto Read = [&](const char* p) {
    fields.Read(*FieldPath::Parse(p), v);
    return v.kind;
  };
  CHECK(Read("temp") == K::kNumber);
  CHECK(v.number == 81.5);
  CHECK(v.text == "81.5");
  CHECK(Read("n") == K::kNumber);
  CHECK(v.number == -3);
  CHECK(Read("s") == K::kText);
  CHECK(v.text == "a\"b");
  CHECK(Read("t") == K::kNumber);
  CHECK(v.number == 1);
  CHECK(v.text == "true");
  CHECK(Read("f") == K::kNumber);
  CHECK(v.number == 0);
  CHECK(Read("z") == K::kNone);
  CHECK(Read("o") == K::kNone);
  CHECK(Read("a") == K::kNone);
  CHECK(Read("gone") == K::kNone);
  CHECK(Read("o.x.y") == K::kNumber);
  CHECK(v.number == 7);
  CHECK(Read("big") == K::kNone);
  CHECK(Read("digits") == K::kText);
  CHECK(v.text == "79");
}

}  // namespace
}  // namespace sluice
