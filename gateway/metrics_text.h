// Prometheus' text format: families of samples, each with its help and type.
//
// Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/histogram.h"

namespace sluice {

class MetricsText {
 public:
  enum class Type { kCounter, kGauge, kHistogram };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// The samples added from here on are of this family. Without any it is left out.
  void Begin(std::string_view name, Type type, std::string_view help);
  void Add(double value, Labels labels = {});
  void Add(const Histogram& histogram);

  const std::string& text() const { return text_; }

 private:
  void WriteHead();
  void WriteSample(std::string_view suffix, Labels labels, double value);

  std::string text_;
  std::string name_;
  std::string head_;  // Not written yet.
};

}  // namespace sluice
