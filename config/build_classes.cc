#include "config/build_classes.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "config/build_source.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxClasses = 16;
// Weights of classes that state no share, in their order; of further ones the last.
constexpr double kWeights[] = {8, 3, 1};

constexpr Duration kMinTtl = std::chrono::seconds(1);
constexpr Duration kMaxTtl = std::chrono::hours(24 * 3650);

// "30%" as 30; nothing if it is not one.
std::optional<double> ParsePercent(std::string_view text) {
  unsigned percent = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), percent);
  const bool good = parsed.ec == std::errc() && std::string_view(parsed.ptr, text.data() + text.size()) == "%";
  if (!good || percent < 1 || percent > 99) return std::nullopt;
  return percent;
}

struct Reading {
  ClassConfig result;
  std::optional<double> percent;
};

Reading ReadClass(const JsonNode& node, const std::string& pointer, const std::vector<Reading>& before, Findings& findings) {
  Reading reading;
  ObjectReader reader(node, pointer, findings);
  reader.Require("name", "as in \"alert\"");
  reader.String("name", reading.result.name);
  if (!IsName(reading.result.name)) reader.Complain("name", "a class's name has 1 to 32 letters, digits, `_` and `-`");
  const bool again = std::any_of(before.begin(), before.end(), [&](const Reading& r) { return r.result.name == reading.result.name; });
  if (again) reader.Complain("name", "another class is named `" + reading.result.name + "` too");
  auto on_full = static_cast<std::size_t>(reading.result.on_full);
  reader.Word("on_full", {"keep", "drop_oldest"}, on_full);
  reading.result.on_full = static_cast<OnFull>(on_full);
  std::string share;
  reader.String("share", share);
  reading.percent = ParsePercent(share);
  if (!share.empty() && !reading.percent) reader.Complain("share", "a share is a percentage from \"1%\" to \"99%\"");
  ReadTtl(reader, reading.result.ttl);
  return reading;
}

// Stated shares are kept; the others divide the rest.
void Weigh(std::vector<Reading>& readings, ObjectReader& root) {
  double rest = 100;
  double weights = 0;
  const auto weight = [](std::size_t place) { return kWeights[std::min(place, std::size(kWeights) - 1)]; };
  for (std::size_t i = 0; i < readings.size(); ++i) {
    if (readings[i].percent) rest -= *readings[i].percent;
    if (!readings[i].percent) weights += weight(i);
  }
  if (rest < (weights > 0 ? 1 : 0)) return root.Complain("classes", "the shares come to more than there is");
  for (std::size_t i = 0; i < readings.size(); ++i) {
    readings[i].result.weight = readings[i].percent ? *readings[i].percent : rest * weight(i) / weights;
  }
}

}  // namespace

void ReadTtl(ObjectReader& reader, std::optional<Duration>& ttl) {
  Duration value{0};
  reader.DurationOf("ttl", kMinTtl, kMaxTtl, value);
  if (value.count() > 0) ttl = value;
}

void ReadClasses(ObjectReader& root, std::vector<ClassConfig>& classes) {
  if (root.Find("classes") == nullptr) return;
  std::vector<Reading> readings;
  root.Items("classes", [&](const JsonNode& item, const std::string& pointer) {
    readings.push_back(ReadClass(item, pointer, readings, root.findings()));
  });
  if (readings.empty() || readings.size() > kMaxClasses) return root.Complain("classes", "there are 1 to 16 classes");
  Weigh(readings, root);
  classes.clear();
  for (Reading& reading : readings) classes.push_back(std::move(reading.result));
}

}  // namespace sluice
