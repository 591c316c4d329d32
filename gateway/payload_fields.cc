#include "gateway/payload_fields.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace sluice {
namespace {

namespace json = simdjson::ondemand;

void SkipDigits(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
}

// The parser tells a number by its first character only.
bool IsNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  SkipDigits(text);
  if (text.starts_with('.')) text.remove_prefix(1);
  SkipDigits(text);
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    SkipDigits(text);
  }
  return text.empty();
}

bool AppendString(json::value& value, std::string& out) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return false;
  const std::size_t start = out.size();
  out += text;
  std::replace(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), '\0', '_');
  return true;
}

bool AppendScalar(json::value& value, std::string& out) {
  json::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  if (type == json::json_type::string) return AppendString(value, out);
  if (type == json::json_type::object || type == json::json_type::array) return false;
  std::string_view token = value.raw_json_token();
  token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
  if (token != "true" && token != "false" && token != "null" && !IsNumber(token)) return false;
  out += token;
  return true;
}

// A number is read from its text as it stands: the parser's own reading refuses what is too large.
bool ReadScalar(json::value& found, FieldValue& value) {
  if (!AppendScalar(found, value.text)) return false;
  json::json_type type;
  if (found.type().get(type) != simdjson::SUCCESS) return false;
  using Kind = FieldValue::Kind;
  if (type == json::json_type::string) {
    value.kind = Kind::kText;
  } else if (type == json::json_type::boolean) {
    value.kind = Kind::kNumber;
    value.number = value.text == "true" ? 1 : 0;
  } else if (type == json::json_type::number) {
    const char* end = value.text.data() + value.text.size();
    if (std::from_chars(value.text.data(), end, value.number).ec == std::errc()) value.kind = Kind::kNumber;
  }
  return value.kind != Kind::kNone;
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
  std::string_view payload;
  bool is_parsed = false;
  bool is_json = false;
  std::string padded;  // The parser reads beyond the end.
  json::parser parser;
  json::document document;

  void Parse() {
    is_parsed = true;
    padded.assign(payload);
    padded.append(simdjson::SIMDJSON_PADDING, ' ');
    is_json = parser.iterate(padded.data(), payload.size(), padded.size()).get(document) == simdjson::SUCCESS;
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
};

PayloadFields::PayloadFields() : parser_(std::make_unique<Parser>()) {}
PayloadFields::~PayloadFields() = default;

void PayloadFields::Use(std::string_view payload) {
  parser_->payload = payload;
  parser_->is_parsed = false;
}

bool PayloadFields::Append(const FieldPath& path, std::string& out) {
  return Visit(path, [&](json::value& value) { return AppendScalar(value, out); });
}

void PayloadFields::Read(const FieldPath& path, FieldValue& value) {
  value.kind = FieldValue::Kind::kNone;
  value.text.clear();
  Visit(path, [&](json::value& found) { return ReadScalar(found, value); });
}

// `take` says whether it could use the value.
template <typename Take>
bool PayloadFields::Visit(const FieldPath& path, const Take& take) {
  if (!parser_->is_parsed) parser_->Parse();
  if (!parser_->is_json) return false;
  json::value value;
  const simdjson::error_code error = parser_->Find(path, value);
  if (error == simdjson::SUCCESS) return take(value);
  // After any other error the document cannot be rewound.
  if (error != simdjson::NO_SUCH_FIELD && error != simdjson::INCORRECT_TYPE) parser_->is_json = false;
  return false;
}

}  // namespace sluice
