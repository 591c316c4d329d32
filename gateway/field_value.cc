#include "gateway/field_value.h"

#include <charconv>
#include <cmath>
#include <system_error>

namespace sluice {

std::optional<double> NumberOf(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
  return good ? std::optional(number) : std::nullopt;
}

std::optional<double> NumberOf(const FieldValue& value) {
  if (value.kind == FieldValue::Kind::kText) return NumberOf(std::string_view(value.text));
  const bool is_number = value.kind == FieldValue::Kind::kNumber && std::isfinite(value.number);
  return is_number ? std::optional(value.number) : std::nullopt;
}

}  // namespace sluice
