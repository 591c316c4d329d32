#include "gateway/payload_fields.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

#include "gateway/binary_payload.h"

namespace sluice {
namespace {

namespace json = simdjson::ondemand;

constexpr std::size_t kMaxPlain = 4'096;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string_view WithoutSpaces(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// False: there was none.
bool SkipDigits(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(digits);
  return digits > 0;
}

// The parser tells a number by its first character only.
bool IsNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('0')) {
    text.remove_prefix(1);
  } else if (!SkipDigits(text)) {
    return false;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!SkipDigits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!SkipDigits(text)) return false;
  }
  return text.empty();
}

bool IsWord(std::string_view text) {
  return text == "true" || text == "false" || text == "null";
}

void MaskNuls(std::string& text, std::size_t start) {
  std::replace(text.begin() + static_cast<std::ptrdiff_t>(start), text.end(), '\0', '_');
}

simdjson::error_code AppendString(json::value& value, std::string& out) {
  std::string_view text;
  const simdjson::error_code error = value.get_string().get(text);
  if (error != simdjson::SUCCESS) return error;
  const std::size_t start = out.size();
  out += text;
  MaskNuls(out, start);
  return simdjson::SUCCESS;
}

simdjson::error_code AppendScalar(json::value& value, std::string& out) {
  json::json_type type;
  if (const auto error = value.type().get(type); error != simdjson::SUCCESS) return error;
  if (type == json::json_type::string) return AppendString(value, out);
  if (type == json::json_type::object || type == json::json_type::array) return simdjson::INCORRECT_TYPE;
  const std::string_view token = WithoutSpaces(value.raw_json_token());
  if (!IsWord(token) && !IsNumber(token)) return simdjson::NUMBER_ERROR;
  out += token;
  return simdjson::SUCCESS;
}

// A number is read from its text as it stands: the parser's own reading refuses what is too large.
void SetNumber(FieldValue& value) {
  const char* end = value.text.data() + value.text.size();
  if (std::from_chars(value.text.data(), end, value.number).ec == std::errc()) value.kind = FieldValue::Kind::kNumber;
}

void SetBoolean(FieldValue& value) {
  value.kind = FieldValue::Kind::kNumber;
  value.number = value.text == "true" ? 1 : 0;
}

simdjson::error_code ReadScalar(json::value& found, FieldValue& value) {
  if (const auto error = AppendScalar(found, value.text); error != simdjson::SUCCESS) return error;
  json::json_type type;
  if (const auto error = found.type().get(type); error != simdjson::SUCCESS) return error;
  if (type == json::json_type::string) value.kind = FieldValue::Kind::kText;
  if (type == json::json_type::boolean) SetBoolean(value);
  if (type == json::json_type::number) SetNumber(value);
  return simdjson::SUCCESS;
}

// `value.text` is what the payload is, or what it spells if `is_literal`.
void SetPlain(FieldValue& value, bool is_literal) {
  if (!is_literal && (value.text == "true" || value.text == "false")) return SetBoolean(value);
  if (!is_literal && IsNumber(value.text)) return SetNumber(value);
  value.kind = FieldValue::Kind::kText;
  MaskNuls(value.text, 0);
}

bool HasText(const FieldValue& value) {
  return value.kind == FieldValue::Kind::kText || !value.text.empty();
}

void Clear(FieldValue& value) {
  value.kind = FieldValue::Kind::kNone;
  value.text.clear();
}

bool IsMistake(simdjson::error_code error) {
  return error != simdjson::SUCCESS && error != simdjson::NO_SUCH_FIELD && error != simdjson::INCORRECT_TYPE;
}

}  // namespace

Result<FieldPath> FieldPath::Parse(std::string_view text) {
  FieldPath path{std::string(text), {}};
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('.', start), text.size());
    if (end == start) return Fail(ErrorCode::kInvalid, "a field of the payload is written {payload.name}, or {payload.outer.inner}");
    path.names.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return path;
}

struct PayloadFields::Parser {
  enum class Shape {
    kUnread,
    kObject,  ///< JSON
    kPlain,
    kBinary,
    kNothing,
  };

  std::string_view payload;
  PayloadFormat format = PayloadFormat::kJson;
  Shape shape = Shape::kUnread;
  bool is_broken = false;
  std::string padded;  // The parser reads beyond the end.
  json::parser parser;
  json::document document;
  FieldValue plain;
  BinaryPayload binary;
  FieldValue scratch;

  void Parse() {
    if (format == PayloadFormat::kCbor || format == PayloadFormat::kMessagePack) return ParseBinary();
    const std::string_view text = WithoutSpaces(payload);
    if (format == PayloadFormat::kJson && text.starts_with('{')) {
      is_broken = !ParseJson();
      shape = is_broken ? Shape::kNothing : Shape::kObject;
    } else {
      shape = ParsePlain(text) ? Shape::kPlain : Shape::kNothing;
    }
  }

  void ParseBinary() {
    is_broken = !payload.empty() && !binary.Decode(payload, format);
    shape = payload.empty() || is_broken ? Shape::kNothing : Shape::kBinary;
  }

  bool ParseJson() {
    padded.assign(payload);
    padded.append(simdjson::SIMDJSON_PADDING, ' ');
    return parser.iterate(padded.data(), payload.size(), padded.size()).get(document) == simdjson::SUCCESS;
  }

  bool ParsePlain(std::string_view text) {
    if (text.empty() || text == "null" || (format == PayloadFormat::kJson && text.starts_with('['))) return false;
    Clear(plain);
    std::string_view spelled;
    const bool is_literal = text.starts_with('"') && ParseLiteral(spelled);
    if (is_literal) text = spelled;
    if (text.size() > kMaxPlain || !simdjson::validate_utf8(text.data(), text.size())) return false;
    plain.text = text;
    SetPlain(plain, is_literal);
    return true;
  }

  // A JSON string, and nothing after it.
  bool ParseLiteral(std::string_view& text) {
    return ParseJson() && document.get_string().get(text) == simdjson::SUCCESS &&
           document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  }

  simdjson::error_code Find(const FieldPath& path, json::value& value) {
    document.rewind();
    json::object object;
    simdjson::error_code error = document.get_object().get(object);
    for (std::size_t i = 0; i < path.names.size() && error == simdjson::SUCCESS; ++i) {
      if (i > 0) error = value.get_object().get(object);
      if (error == simdjson::SUCCESS) error = object.find_field_unordered(path.names[i]).get(value);
    }
    return error;
  }

  // `take` says whether it could use the value.
  template <typename Take>
  bool Visit(const FieldPath& path, const Take& take) {
    json::value value;
    simdjson::error_code error = Find(path, value);
    if (IsMistake(error)) shape = Shape::kNothing;  // The document cannot be rewound.
    if (error == simdjson::SUCCESS) error = take(value);
    if (IsMistake(error)) is_broken = true;
    return error == simdjson::SUCCESS;
  }

  // What is no JSON object.
  void Read(const FieldPath& path, FieldValue& value) {
    Clear(value);
    if (shape == Shape::kPlain && path.names.size() == 1 && path.names[0] == "value") value = plain;
    if (shape == Shape::kBinary) binary.Read(path.names, value);
    if (shape != Shape::kBinary || value.kind != FieldValue::Kind::kText) return;
    if (!simdjson::validate_utf8(value.text)) return Clear(value);
    MaskNuls(value.text, 0);
  }

  bool IsObject() {
    if (shape == Shape::kUnread) Parse();
    return shape == Shape::kObject;
  }
};

PayloadFields::PayloadFields() : parser_(std::make_unique<Parser>()) {}
PayloadFields::~PayloadFields() = default;

void PayloadFields::Use(std::string_view payload, PayloadFormat format) {
  parser_->payload = payload;
  parser_->format = format;
  parser_->shape = Parser::Shape::kUnread;
  parser_->is_broken = false;
}

bool PayloadFields::Append(const FieldPath& path, std::string& out) {
  if (parser_->IsObject()) return parser_->Visit(path, [&](json::value& value) { return AppendScalar(value, out); });
  parser_->Read(path, parser_->scratch);
  if (!HasText(parser_->scratch)) return false;
  out += parser_->scratch.text;
  return true;
}

void PayloadFields::Read(const FieldPath& path, FieldValue& value) {
  if (!parser_->IsObject()) return parser_->Read(path, value);
  Clear(value);
  parser_->Visit(path, [&](json::value& found) { return ReadScalar(found, value); });
}

bool PayloadFields::IsUndecodable() const {
  return parser_->is_broken;
}

}  // namespace sluice
