#include "gateway/quantities.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

namespace sluice {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kDurationUnits[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr Unit kByteUnits[] = {{"TiB", 1ull << 40},   {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10},
                               {"GB", 1'000'000'000}, {"MB", 1'000'000},   {"KB", 1'000},       {"B", 1}};
// Beyond it nobody means what they wrote, and sums of two still fit.
constexpr std::uint64_t kLimit = 1ull << 60;

template <std::size_t N>
const Unit* FindUnit(const Unit (&units)[N], std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

// The number at the front of `text`, which is then behind it. False if there is none, or it is too large.
bool TakeNumber(std::string_view& text, std::uint64_t& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr == text.data()) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return true;
}

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  const auto fail = [&] {
    return Fail(ErrorCode::kInvalid,
                "`" + std::string(text) + "` is not a duration; write for example \"100ms\", \"30s\", \"1m30s\", \"24h\", \"7d\"");
  };
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::uint64_t last_factor = std::numeric_limits<std::uint64_t>::max();
  if (rest.empty()) return fail();
  if (rest == "0") return Duration(0);
  while (!rest.empty()) {
    std::uint64_t number = 0;
    if (!TakeNumber(rest, number)) return fail();
    const std::size_t end = std::min(rest.find_first_of("0123456789"), rest.size());
    const Unit* unit = FindUnit(kDurationUnits, rest.substr(0, end));
    if (unit == nullptr || unit->factor >= last_factor || number > kLimit / unit->factor) return fail();
    total += number * unit->factor;
    if (total > kLimit) return fail();
    last_factor = unit->factor;
    rest.remove_prefix(end);
  }
  return Duration(static_cast<std::int64_t>(total));
}

Result<Bytes> ParseBytes(std::string_view text) {
  const auto fail = [&] {
    return Fail(ErrorCode::kInvalid, "`" + std::string(text) + "` is not a size; write for example \"4096\", \"200KiB\", \"2GiB\"");
  };
  std::string_view rest = text;
  std::uint64_t number = 0;
  if (!TakeNumber(rest, number)) return fail();
  if (rest.empty()) rest = "B";
  const Unit* unit = FindUnit(kByteUnits, rest);
  if (unit == nullptr || number > kLimit / unit->factor) return fail();
  return number * unit->factor;
}

std::string FormatDuration(Duration duration) {
  auto rest = static_cast<std::uint64_t>(duration.count());
  if (rest == 0) return "0s";
  std::string text;
  for (const Unit& unit : kDurationUnits) {
    if (rest >= unit.factor) text += std::to_string(rest / unit.factor) + std::string(unit.name);
    rest %= unit.factor;
  }
  return text;
}

std::string FormatBytes(Bytes bytes) {
  for (const Unit& unit : kByteUnits) {
    if (unit.name.size() == 3 && bytes >= unit.factor && bytes % unit.factor == 0)
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
  }
  return std::to_string(bytes);
}

}  // namespace sluice
