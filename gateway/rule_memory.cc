#include "gateway/rule_memory.h"

#include <algorithm>

#include "gateway/binary_number.h"

namespace sluice {
namespace {

constexpr char kVersion = 1;
// Longer texts of an event are not worth their room; a condition takes no longer ones either.
constexpr std::size_t kMaxText = 4'096;
constexpr std::uint64_t kLargest = INT64_MAX / 4;  // Of a time: sums of it stay in bounds.

void AppendText(std::string& out, std::string_view text) {
  AppendVarint(out, text.size());
  out += text;
}

/// Reads one thing after the other; after a mistake, nothing.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  std::uint64_t Number() {
    const std::optional<std::uint64_t> number = good_ ? TakeVarint(in_) : std::nullopt;
    good_ &= number.has_value();
    return number.value_or(0);
  }
  AliveTime Time() { return AliveTime(static_cast<std::int64_t>(Number() & kLargest)); }
  WallTime Wall() { return WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(Number()))); }
  std::string Text() {
    const std::uint64_t size = Number();
    good_ &= size <= in_.size();
    if (!good_) return "";
    std::string text(in_.substr(0, size));
    in_.remove_prefix(size);
    return text;
  }
  bool good() const { return good_; }
  std::string_view& rest() { return in_; }

 private:
  std::string_view in_;
  bool good_ = true;
};

void AppendTime(std::string& out, AliveTime time) {
  AppendVarint(out, static_cast<std::uint64_t>(time.count()));
}

void AppendWall(std::string& out, WallTime time) {
  AppendVarint(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

std::string Begin(std::uint64_t rule_hash) {
  std::string out(1, kVersion);
  AppendVarint(out, rule_hash);
  return out;
}

bool TakeVersion(std::string_view& data) {
  if (data.empty() || data.front() != kVersion) return false;
  data.remove_prefix(1);
  return true;
}

}  // namespace

std::string EncodeState(const KeptState& state) {
  std::string out = Begin(state.rule_hash);
  out += static_cast<char>(state.phase);
  AppendTime(out, state.since);
  AppendVarint(out, state.over_since ? static_cast<std::uint64_t>(state.over_since->count()) + 1 : 0);
  AppendWall(out, state.active);
  AppendText(out, state.values);
  AppendText(out, state.incident.id);
  AppendWall(out, state.incident.starts);
  AppendVarint(out, state.incident.suppressed ? 1 : 0);
  AppendVarint(out, state.labels.size());
  for (const auto& [name, text] : state.labels) {
    AppendText(out, name);
    AppendText(out, text);
  }
  return out;
}

std::optional<KeptState> DecodeState(std::string_view data) {
  if (!TakeVersion(data)) return std::nullopt;
  Reader reader(data);
  KeptState state;
  state.rule_hash = reader.Number();
  const std::uint64_t phase = reader.Number();
  if (phase > static_cast<std::uint64_t>(AlertPhase::kFiring)) return std::nullopt;
  state.phase = static_cast<AlertPhase>(phase);
  state.since = reader.Time();
  if (const std::uint64_t over = reader.Number(); over > 0) state.over_since = AliveTime(static_cast<std::int64_t>((over - 1) & kLargest));
  state.active = reader.Wall();
  state.values = reader.Text();
  state.incident.id = reader.Text();
  state.incident.starts = reader.Wall();
  state.incident.suppressed = reader.Number() != 0;
  for (std::uint64_t left = reader.Number(); left > 0 && reader.good(); --left) {
    std::string name = reader.Text();
    state.labels.emplace_back(std::move(name), reader.Text());
  }
  if (!reader.good()) return std::nullopt;
  return state;
}

std::string EncodeMemory(std::uint64_t rule_hash, AliveTime heard, const std::string& values, const std::vector<SampleWindow>& windows) {
  std::string out = Begin(rule_hash);
  AppendTime(out, heard);
  AppendText(out, values);
  for (const SampleWindow& window : windows) window.Encode(out);
  return out;
}

std::optional<KeptMemory> DecodeMemory(std::string_view data, std::uint64_t rule_hash, std::vector<SampleWindow>& windows) {
  if (!TakeVersion(data)) return std::nullopt;
  Reader reader(data);
  const std::uint64_t hash = reader.Number();
  KeptMemory kept;
  kept.heard = reader.Time();
  kept.values = reader.Text();
  if (!reader.good() || hash != rule_hash) return std::nullopt;
  for (SampleWindow& window : windows) {
    if (!window.Decode(reader.rest())) break;
  }
  return kept;
}

std::string PackValues(const std::vector<FieldValue>& values) {
  std::string out;
  for (const FieldValue& value : values) {
    out += static_cast<char>(value.kind);
    if (value.kind == FieldValue::Kind::kNumber) AppendDouble(out, value.number);
    if (value.kind == FieldValue::Kind::kText) AppendText(out, std::string_view(value.text).substr(0, kMaxText));
  }
  out.shrink_to_fit();
  return out;
}

void UnpackValues(std::string_view packed, std::vector<FieldValue>& values) {
  for (FieldValue& value : values) {
    value = {};
    if (packed.empty()) continue;
    const char kind = packed.front();
    packed.remove_prefix(1);
    if (kind == static_cast<char>(FieldValue::Kind::kNumber)) {
      const std::optional<double> number = TakeDouble(packed);
      if (number) value = {FieldValue::Kind::kNumber, *number, NumberText(*number)};
    } else if (kind == static_cast<char>(FieldValue::Kind::kText)) {
      const std::uint64_t size = TakeVarint(packed).value_or(0);
      if (size <= packed.size()) value = {FieldValue::Kind::kText, 0, std::string(packed.substr(0, size))};
      packed.remove_prefix(std::min<std::uint64_t>(size, packed.size()));
    }
  }
}

}  // namespace sluice
