#include "gateway/payload_fields.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

using Json = nlohmann::json;
using Kind = FieldValue::Kind;
using namespace std::string_literals;

constexpr PayloadFormat kBinary[] = {PayloadFormat::kCbor, PayloadFormat::kMessagePack};

std::string Encoded(const Json& json, PayloadFormat format) {
  const std::vector<std::uint8_t> bytes = format == PayloadFormat::kCbor ? Json::to_cbor(json) : Json::to_msgpack(json);
  return {bytes.begin(), bytes.end()};
}

std::string Bytes(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string Repeated(const std::string& text, std::size_t count) {
  std::string all;
  while (count-- > 0) all += text;
  return all;
}

/// "number 81.5", "text RUN", or "none"; of a payload that is broken "broken".
std::string Read(const std::string& payload, PayloadFormat format, const std::string& path = "value") {
  PayloadFields fields;
  fields.Use(payload, format);
  FieldValue value;
  fields.Read(*FieldPath::Parse(path), value);
  if (fields.IsUndecodable()) return value.kind == Kind::kNone ? "broken" : "broken, but has a value";
  if (value.kind == Kind::kNone) return "none";
  return (value.kind == Kind::kNumber ? "number " : "text ") + value.text;
}

std::string ReadCbor(const std::string& hex, const std::string& path = "value") {
  return Read(Bytes(hex), PayloadFormat::kCbor, path);
}

TEST_CASE("payload fields: values for conditions") {
  PayloadFields fields;
  const std::string payload =
      R"({"temp": 81.5, "n": -3, "s": "a\"b", "t": true, "f": false, "z": null, "o": {"x": {"y": 7}}, "a": [1], "big": 1e999, "digits": "79"})";
  fields.Use(payload, PayloadFormat::kJson);
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

TEST_CASE("payload fields: what is no JSON object is the field `value`: a number, a word or a text") {
  for (const auto& [payload, value] : std::vector<std::pair<std::string, std::string>>{{"23.5", "number 23.5"},
                                                                                       {" -1e3\r\n", "number -1e3"},
                                                                                       {"true", "number true"},
                                                                                       {"false", "number false"},
                                                                                       {"OPEN", "text OPEN"},
                                                                                       {"  door open \n", "text door open"},
                                                                                       {"\"a\\u00e9\"", "text a\xc3\xa9"},
                                                                                       {"\"79\"", "text 79"},
                                                                                       {"\"true\"", "text true"},
                                                                                       {"\"\"", "text "},
                                                                                       {"\"a\" b", "text \"a\" b"},
                                                                                       {"\"a\"\"b\"", "text \"a\"\"b\""},
                                                                                       {"\"a", "text \"a"},
                                                                                       {"007", "text 007"},
                                                                                       {"1.", "text 1."},
                                                                                       {".5", "text .5"},
                                                                                       {"1e", "text 1e"},
                                                                                       {"-", "text -"},
                                                                                       {"+1", "text +1"},
                                                                                       {"1,5", "text 1,5"},
                                                                                       {"NaN", "text NaN"},
                                                                                       {"null", "none"},
                                                                                       {"", "none"},
                                                                                       {" \n", "none"},
                                                                                       {"[1]", "none"},
                                                                                       {"\xff", "none"},
                                                                                       {"1e999", "none"},
                                                                                       {"a\0b"s, "text a_b"},
                                                                                       {"\"\\u0000\"", "text _"},
                                                                                       {"\"\\ud800\"", "text \"\\ud800\""}}) {
    CHECK_MESSAGE(Read(payload, PayloadFormat::kJson) == value, payload);
  }
  CHECK(Read("23.5", PayloadFormat::kJson, "temp") == "none");
  CHECK(Read("23.5", PayloadFormat::kJson, "value.x") == "none");
  CHECK(Read(R"( {"value": 7})", PayloadFormat::kJson) == "number 7");
}

TEST_CASE("payload fields: as text all of a payload is the value, whatever it looks like") {
  CHECK(Read("23.5", PayloadFormat::kText) == "number 23.5");
  CHECK(Read(R"({"value": 7})", PayloadFormat::kText) == R"(text {"value": 7})");
  CHECK(Read("[1]", PayloadFormat::kText) == "text [1]");
  CHECK(Read("\"a\\n\"", PayloadFormat::kText) == "text a\n");
  CHECK(Read("null", PayloadFormat::kText) == "none");
}

TEST_CASE("payload fields: a plain value has 4 KiB at most") {
  for (const PayloadFormat format : {PayloadFormat::kJson, PayloadFormat::kText}) {
    CHECK(Read(std::string(4'096, 'a'), format) == "text " + std::string(4'096, 'a'));
    CHECK(Read(std::string(4'097, 'a'), format) == "none");
    CHECK(Read(std::string(4'097, '1'), format) == "none");
    CHECK(Read("\"" + Repeated("\\u0061", 4'096) + "\"", format) == "text " + std::string(4'096, 'a'));
    CHECK(Read("\"" + Repeated("\\u0061", 4'097) + "\"", format) == "none");
  }
}

const Json kDocument = {{"temp", 81.5},
                        {"n", -3},
                        {"big", 18446744073709551615u},
                        {"s", "a\"b"},
                        {"e", ""},
                        {"t", true},
                        {"f", false},
                        {"z", nullptr},
                        {"o", {{"x", {{"y", 7}}}}},
                        {"a", {1, {{"x", 2}}, {3}}},
                        {"x", 5},
                        {"nul", "a\0b"s},
                        {"a.b", 6}};

TEST_CASE("payload fields: CBOR and MessagePack have the fields that the same JSON has") {
  for (const PayloadFormat format : kBinary) {
    PayloadFields binary;
    PayloadFields json;
    const std::string encoded = Encoded(kDocument, format);
    const std::string text = kDocument.dump();
    binary.Use(encoded, format);
    json.Use(text, PayloadFormat::kJson);
    for (const char* name :
         {"temp", "n", "big", "s", "e", "t", "f", "z", "o", "o.x", "o.x.y", "o.y", "a", "a.x", "a.b", "x", "x.y", "nul", "gone", "value"}) {
      CAPTURE(name);
      const FieldPath path = *FieldPath::Parse(name);
      FieldValue value;
      FieldValue expected;
      binary.Read(path, value);
      json.Read(path, expected);
      CHECK(value.kind == expected.kind);
      if (value.kind == Kind::kNumber) CHECK(value.number == expected.number);
      if (value.kind != Kind::kNone) CHECK(value.text == expected.text);
      std::string appended = "p";
      std::string wanted = "p";
      CHECK(binary.Append(path, appended) == json.Append(path, wanted));
      CHECK(appended == wanted);
    }
    CHECK(!binary.IsUndecodable());
  }
}

TEST_CASE("payload fields: a scalar of CBOR or MessagePack alone is the value") {
  for (const PayloadFormat format : kBinary) {
    for (const auto& [json, value] : std::vector<std::pair<Json, std::string>>{{23.5, "number 23.5"},
                                                                               {-129, "number -129"},
                                                                               {INT64_MIN, "number -9223372036854775808"},
                                                                               {"OPEN", "text OPEN"},
                                                                               {true, "number true"},
                                                                               {nullptr, "none"},
                                                                               {Json::array({1}), "none"},
                                                                               {Json::object(), "none"}}) {
      CHECK(Read(Encoded(json, format), format) == value);
    }
    CHECK(Read("", format) == "none");
  }
}

// RFC 8949, appendix A.
TEST_CASE("cbor: numbers are read as the standard's examples say") {
  for (const auto& [hex, value] : std::vector<std::pair<std::string, std::string>>{{"00", "0"},
                                                                                   {"17", "23"},
                                                                                   {"1818", "24"},
                                                                                   {"1903e8", "1000"},
                                                                                   {"1a000f4240", "1000000"},
                                                                                   {"1bffffffffffffffff", "18446744073709551615"},
                                                                                   {"3bffffffffffffffff", "-18446744073709551616"},
                                                                                   {"3b7fffffffffffffff", "-9223372036854775808"},
                                                                                   {"20", "-1"},
                                                                                   {"3903e7", "-1000"},
                                                                                   {"3b8000000000000000", "-9223372036854775809"},
                                                                                   {"f90000", "0"},
                                                                                   {"f93c00", "1"},
                                                                                   {"fb3ff199999999999a", "1.1"},
                                                                                   {"f97bff", "65504"},
                                                                                   {"fa47c35000", "1e+05"},
                                                                                   {"fa41aa6666", "21.3"},
                                                                                   {"f90001", "5.9604645e-08"},
                                                                                   {"f90400", "6.1035156e-05"},
                                                                                   {"f9c400", "-4"},
                                                                                   {"c11a514b67b0", "1363896240"},
                                                                                   {"d818d81907", "7"}}) {
    CHECK_MESSAGE(ReadCbor(hex) == "number " + value, hex);
  }
  for (const char* hex : {"f97c00", "f97e00", "f9fc00", "fa7f800000", "fb7ff8000000000000", "f6", "f7", "f0", "f8ff", "4101", "c24101"}) {
    CHECK_MESSAGE(ReadCbor(hex) == "none", hex);
  }
}

TEST_CASE("cbor: what has no name that is a text, or stands in an array, is passed over, and the rest is read") {
  const std::string rest =
      "6161"
      "07";  // "a": 7
  for (const char* other : {"01"
                            "02",  // 1: 2
                            "20"
                            "a1616108",  // -1: {"a": 8}
                            "82"
                            "0102"
                            "6162",  // [1, 2]: "b"
                            "a1616108"
                            "8101",  // {"a": 8}: [1]
                            "4161"
                            "08",
                            "5f41614161ff"
                            "08",  // bytes
                            "f6"
                            "08",
                            "f7"
                            "f7",
                            "fb7ff8000000000000"
                            "08",  // null, undefined, NaN
                            "6162"
                            "83"
                            "a1616108"
                            "9f8101ff"
                            "bf616108ff",  // "b": [{"a": 8}, [[1]], {"a": 8}]
                            "6162"
                            "c24101",
                            "d9d9f76162"
                            "08"}) {  // A bignum; a tag at a name.
    CAPTURE(other);
    for (const std::string& map :
         {"a2" + (other + rest), "a2" + rest + other, "bf" + rest + other + "ff", "d9d9f7bf" + (other + rest) + "ff"}) {
      CHECK(ReadCbor(map, "a") == "number 7");
    }
  }
}

TEST_CASE("cbor: a text in parts is one text, also as a name; parts of another kind, or in parts again, are broken") {
  CHECK(ReadCbor("7f61616162ff") == "text ab");
  CHECK(ReadCbor("7fff") == "text ");
  CHECK(ReadCbor("bf7f61616162ff01"
                 "7f6163ff02ff",
                 "ab") == "number 1");
  CHECK(ReadCbor("bf7f61616162ff01"
                 "7f6163ff02ff",
                 "c") == "number 2");
  for (const char* hex : {"7f4161ff", "7f7f6161ffff", "5f6161ff", "7f6161", "7f01ff", "7fc16161ff"})
    CHECK_MESSAGE(ReadCbor(hex) == "broken", hex);
}

TEST_CASE("message pack: what has no name that is a text, bytes and extensions are passed over, and the rest is read") {
  const std::string rest = "a16107";  // "a": 7
  for (const char* other : {"0102", "ff81a16108", "c402616208",
                            "d40561"
                            "08",
                            "a162"
                            "d8050000000000000000"
                            "0000000000000000",
                            "a162"
                            "c7030501"
                            "0203",
                            "a162"
                            "93"
                            "81a16108"
                            "dc000191c3"
                            "de0001a16108",
                            "c008", "cb7ff800000000000008"}) {
    CAPTURE(other);
    CHECK(Read(Bytes("82" + (other + rest)), PayloadFormat::kMessagePack, "a") == "number 7");
    CHECK(Read(Bytes("de0002" + rest + other), PayloadFormat::kMessagePack, "a") == "number 7");
  }
}

TEST_CASE("payload fields: of two equal names the first counts, whatever it is") {
  CHECK(ReadCbor("a2616101616102", "a") == "number 1");
  CHECK(ReadCbor("a26161a0616102", "a") == "none");
  CHECK(ReadCbor("a26161a161780161"
                 "61a1617902",
                 "a.x") == "number 1");
  CHECK(ReadCbor("a26161a161780161"
                 "61a1617902",
                 "a.y") == "none");
  CHECK(ReadCbor("a2616101"
                 "6161a1617802",
                 "a.x") == "none");
  CHECK(Read(R"({"a": {}, "a": {"x": 1}})", PayloadFormat::kJson, "a.x") == "none");
}

TEST_CASE("payload fields: a text that is not UTF-8 is no value, and harms no other") {
  const std::string payload = Bytes("a2616162fffe616207");
  CHECK(Read(payload, PayloadFormat::kCbor, "a") == "none");
  CHECK(Read(payload, PayloadFormat::kCbor, "b") == "number 7");
}

TEST_CASE("payload fields: maps and arrays go 64 deep, and what is deeper is broken, by however much") {
  const auto nested = [](const std::string& open, std::size_t depth, const std::string& close) {
    return Bytes(open).append(Repeated(Bytes(open), depth - 1)).append(Bytes("07")).append(Repeated(Bytes(close), depth));
  };
  struct Way {
    PayloadFormat format;
    const char* open;
    const char* close;
  };
  std::string path = "a";
  for (int i = 1; i < 64; ++i) path += ".a";
  for (const Way& way : {Way{PayloadFormat::kCbor, "a16161", ""}, Way{PayloadFormat::kCbor, "bf6161", "ff"},
                         Way{PayloadFormat::kMessagePack, "81a161", ""}}) {
    CHECK(Read(nested(way.open, 64, way.close), way.format, path) == "number 7");
    for (const std::size_t depth : {65, 100'000}) CHECK(Read(nested(way.open, depth, way.close), way.format, path) == "broken");
  }
  for (const Way& way : {Way{PayloadFormat::kCbor, "81", ""}, Way{PayloadFormat::kCbor, "9f", "ff"},
                         Way{PayloadFormat::kMessagePack, "91", ""}, Way{PayloadFormat::kMessagePack, "dc0001", ""}}) {
    CHECK(Read(nested(way.open, 64, way.close), way.format) == "none");
    for (const std::size_t depth : {65, 100'000}) CHECK(Read(nested(way.open, depth, way.close), way.format) == "broken");
  }
  CHECK(Read(Repeated(Bytes("a1"), 100'000), PayloadFormat::kCbor) == "broken");  // Each the name of the next.
  CHECK(Read(Repeated(Bytes("c1"), 100'000) + '\x07', PayloadFormat::kCbor) == "number 7");
  CHECK(Read(Repeated(Bytes("c1"), 100'000), PayloadFormat::kCbor) == "broken");
  CHECK(Read(Repeated("\x7f", 100'000), PayloadFormat::kCbor) == "broken");
  CHECK(Read("\x7f" + Repeated(Bytes("6161"), 100'000) + "\xff", PayloadFormat::kCbor) == "text " + std::string(100'000, 'a'));
  CHECK(Read("\x9f" + Repeated(Bytes("7fff"), 100'000) + "\xff", PayloadFormat::kCbor) == "none");
}

TEST_CASE("payload fields: 4,096 fields are read, and more are refused") {
  for (const PayloadFormat format : kBinary) {
    Json json;
    for (int i = 0; i < 4'096; ++i) json["f" + std::to_string(i)] = i;
    CHECK(Read(Encoded(json, format), format, "f4095") == "number 4095");
    json["one more"] = 0;
    CHECK(Read(Encoded(json, format), format, "f4095") == "broken");
  }
}

TEST_CASE("payload fields: a payload that ends before its end, or goes on after it, is broken at each byte") {
  for (const PayloadFormat format : kBinary) {
    const std::string whole = Encoded(kDocument, format);
    CHECK(Read(whole, format, "temp") == "number 81.5");
    for (std::size_t size = 1; size < whole.size(); ++size) CHECK(Read(whole.substr(0, size), format, "temp") == "broken");
    CHECK(Read(whole + '\0', format, "temp") == "broken");
  }
  for (const char* hex : {"ff", "81ff", "a161", "bf6161ff", "c1ff", "9f", "1c", "1f", "df", "f800", "f81f", "fc", "9bffffffffffffffff",
                          "bb8000000000000000", "7bffffffffffffffff", "5a7fffffff"}) {
    CHECK_MESSAGE(ReadCbor(hex) == "broken", hex);
  }
  for (const char* hex : {"c1", "ddffffffff", "dfffffffff", "dbffffffff", "c9ffffffff", "82a16107"}) {
    CHECK_MESSAGE(Read(Bytes(hex), PayloadFormat::kMessagePack) == "broken", hex);
  }
}

TEST_CASE("payload fields: that an object is broken is known once a field was asked for that shows it") {
  PayloadFields fields;
  const auto is_undecodable = [&](const std::string& payload, PayloadFormat format, const char* path) {
    fields.Use(payload, format);
    CHECK(!fields.IsUndecodable());
    FieldValue value;
    fields.Read(*FieldPath::Parse(path), value);
    return fields.IsUndecodable();
  };
  for (const char* broken : {"{", R"({"a":)", R"({"a":tru})", R"({"a":1x})", R"({"a":"\ud800"})", "{\"a\":\"\xff\"}", R"({"b" 1})"}) {
    CHECK_MESSAGE(is_undecodable(broken, PayloadFormat::kJson, "a"), broken);
  }
  for (const char* sound :
       {R"({"a":1})", R"({"b":1})", R"({"a":[]})", R"({"a":null})", R"({"a":1e999})", "{}", "", "no object", "[", "\"a", "\xff"}) {
    CHECK_MESSAGE(!is_undecodable(sound, PayloadFormat::kJson, "a"), sound);
  }
  CHECK(!is_undecodable("\xff", PayloadFormat::kText, "a"));
  for (const PayloadFormat format : kBinary) {
    CHECK(is_undecodable("\xc1", format, "a"));
    CHECK(!is_undecodable("", format, "a"));
    CHECK(!is_undecodable("\x07", format, "a"));
  }
}

Json RandomJson(std::mt19937& random, int depth) {
  switch (random() % (depth > 0 ? 9 : 6)) {
    case 0:
      return static_cast<std::int64_t>(random()) << random() % 32;
    case 1:
      return -static_cast<std::int64_t>(random() >> random() % 32);
    case 2:
      return static_cast<double>(static_cast<int>(random())) / 1024;
    case 3:
      return std::string(random() % 300, 'x');
    case 4:
      return random() % 2 == 0;
    case 5:
      return nullptr;
    case 6: {
      Json array = Json::array();
      for (std::uint64_t n = random() % 20; n > 0; --n) array.push_back(RandomJson(random, depth - 1));
      return array;
    }
    default: {
      Json object = Json::object();
      for (std::uint64_t n = random() % 20; n > 0; --n)
        object[std::string(1, static_cast<char>('a' + random() % 26))] = RandomJson(random, depth - 1);
      return object;
    }
  }
}

void CheckFields(const Json& object, const std::string& prefix, PayloadFields& fields) {
  for (const auto& [name, json] : object.items()) {
    FieldValue value;
    fields.Read(*FieldPath::Parse(prefix + name), value);
    if (json.is_string()) {
      REQUIRE(value.kind == Kind::kText);
      REQUIRE(value.text == json.get<std::string>());
    } else if (json.is_number() || json.is_boolean()) {
      REQUIRE(value.kind == Kind::kNumber);
      REQUIRE(value.number == (json.is_boolean() ? (json.get<bool>() ? 1 : 0) : json.get<double>()));
    } else {
      REQUIRE(value.kind == Kind::kNone);
      if (json.is_object()) CheckFields(json, prefix + name + ".", fields);
    }
  }
}

TEST_CASE("payload fields: random documents of CBOR and MessagePack are read as another library wrote them") {
  std::mt19937 random(11);
  PayloadFields fields;
  for (int round = 0; round < 300; ++round) {
    const Json json = {{"r", RandomJson(random, 3)}};
    for (const PayloadFormat format : kBinary) {
      const std::string encoded = Encoded(json, format);
      fields.Use(encoded, format);
      CheckFields(json, "", fields);
      REQUIRE(!fields.IsUndecodable());
    }
  }
}

TEST_CASE("payload fields: no bytes, whatever they are taken for, bring the reader down") {
  std::mt19937 random(13);
  PayloadFields fields;
  const FieldPath paths[] = {*FieldPath::Parse("value"), *FieldPath::Parse("temp"), *FieldPath::Parse("o.x.y")};
  for (int round = 0; round < 40'000; ++round) {
    const auto format = static_cast<PayloadFormat>(random() % 4);
    std::string payload = round % 2 == 0 ? std::string(random() % 64, '\0') : Encoded(kDocument, kBinary[random() % 2]);
    const std::size_t changes = round % 2 == 0 ? payload.size() : random() % 6;
    for (std::size_t i = 0; i < changes; ++i) payload[round % 2 == 0 ? i : random() % payload.size()] = static_cast<char>(random());
    fields.Use(payload, format);
    for (const FieldPath& path : paths) {
      std::string out = "before";
      const bool found = fields.Append(path, out);
      REQUIRE(out.starts_with("before"));
      REQUIRE((found || out.size() == 6));
    }
  }
}

}  // namespace
}  // namespace sluice
