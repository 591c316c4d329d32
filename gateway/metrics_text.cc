#include "gateway/metrics_text.h"

#include <charconv>
#include <cmath>
#include <cstddef>

namespace sluice {
namespace {

constexpr double kExact = 9007199254740992;  // 2^53: up to here doubles hold every whole number.

// The shortest text without an exponent that reads back as the same number.
std::string NumberText(double value) {
  char text[400];
  const bool whole = std::abs(value) < kExact && value == std::trunc(value);
  const auto end = whole ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value)).ptr
                         : std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
  return {text, end};
}

std::string Escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void MetricsText::Begin(std::string_view name, Type type, std::string_view help) {
  static constexpr const char* kTypes[] = {"counter", "gauge", "histogram"};
  name_ = name;
  head_ = "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + kTypes[static_cast<std::size_t>(type)] + "\n";
}

void MetricsText::WriteHead() {
  text_ += head_;
  head_.clear();
}

void MetricsText::Add(double value, Labels labels) {
  WriteHead();
  WriteSample("", labels, value);
}

void MetricsText::Add(const Histogram& histogram) {
  WriteHead();
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
    WriteSample("_bucket", {{"le", NumberText(Histogram::kBounds[i])}}, static_cast<double>(histogram.AtMost(i)));
  }
  const auto count = static_cast<double>(histogram.Count());
  WriteSample("_bucket", {{"le", "+Inf"}}, count);
  WriteSample("_sum", {}, histogram.Sum());
  WriteSample("_count", {}, count);
}

void MetricsText::WriteSample(std::string_view suffix, Labels labels, double value) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  for (const auto& [name, text] : labels) {
    text_ += std::exchange(before, ',');
    text_ += name;
    text_ += "=\"" + Escaped(text) + "\"";
  }
  text_ += (before == ',' ? "} " : " ") + NumberText(value) + "\n";
}

}  // namespace sluice
