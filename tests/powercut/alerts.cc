#include "tests/powercut/alerts.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "gateway/rule_memory.h"

namespace sluice {
namespace {

constexpr const char* kAlerts = "$sluice/alerts/";
constexpr const char* kHigh = "$sluice/alerts/High";
// The names of the rules' keys in their records begin with a mark of their own (gateway/rule.cc).
constexpr std::size_t kKeyMark = 1;

bool IsAlert(const Told& told) {
  return told.topic.starts_with(kAlerts);
}

// "(n / 20 + n % 20) % 20 >= 10"
bool IsHigh(std::uint64_t number) {
  return (number / 20 + number % 20) % 20 >= 10;
}

// plant/<line>/telemetry
std::string LineOf(const std::string& topic) {
  const std::size_t start = topic.find('/') + 1;
  return topic.substr(start, topic.find('/', start) - start);
}

Told Read(const std::string& topic, const std::string& payload) {
  const nlohmann::json json = nlohmann::json::parse(payload);
  Told told;
  told.topic = topic;
  if (!IsAlert(told)) {
    told.number = json.at("n");
    told.line = LineOf(topic);
    return told;
  }
  told.line = json.at("labels").at("line");
  told.is_firing = json.at("status") == "firing";
  told.cause = json.value("cause", "");
  return told;
}

std::string SeqText(const std::string& id) {
  return id.substr(id.rfind(':') + 1);
}

}  // namespace

const std::pair<Seq, Told>* ToldLines::Read(const std::string& line) {
  const auto known = known_.find(line);
  if (known != known_.end()) return &known->second;
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_discarded()) return nullptr;
  const Seq seq = std::strtoull(json.at("sequence").get<std::string>().c_str(), nullptr, 10);
  return &known_.emplace(line, std::pair(seq, sluice::Read(json.at("subject"), json.at("data").get<std::string>()))).first->second;
}

void Alerts::AddLine(const std::string& line, ToldLines& lines) {
  if (const auto* told = lines.Read(line)) told_.insert(*told);
}

void Alerts::AddRow(const Row& row) {
  told_.emplace(row.seq, Read(row.event.topic, row.event.payload));
}

void Alerts::AddRecord(const RuleRecord& record) {
  if (record.kind != RuleRecord::Kind::kState) return;
  const std::optional<KeptState> kept = DecodeState(record.data);
  if (kept && kept->phase == AlertPhase::kFiring) recorded_.emplace(kAlerts + record.rule, record.key.substr(kKeyMark));
}

std::size_t Alerts::Count() const {
  return static_cast<std::size_t>(std::count_if(told_.begin(), told_.end(), [](const auto& one) { return IsAlert(one.second); }));
}

std::string Alerts::Check() const {
  std::map<std::string, bool> high;  // By line, as of the last event.
  std::vector<std::pair<std::string, bool>> expected;
  std::vector<std::pair<std::string, bool>> alerts;
  std::map<std::pair<std::string, std::string>, bool> firing;
  for (const auto& [seq, told] : told_) {
    if (IsAlert(told)) {
      if (std::exchange(firing[{told.topic, told.line}], told.is_firing) == told.is_firing) {
        return "alert " + std::to_string(seq) + " says what was said before of " + told.topic + " " + told.line;
      }
      const bool is_there = told.cause.empty() || told_.contains(std::strtoull(SeqText(told.cause).c_str(), nullptr, 10));
      if (!is_there) return "alert " + std::to_string(seq) + " is there without its event " + told.cause;
      if (told.topic == kHigh) alerts.emplace_back(SeqText(told.cause), told.is_firing);
    } else if (std::exchange(high[told.line], IsHigh(told.number)) != IsHigh(told.number)) {
      expected.emplace_back(std::to_string(seq), IsHigh(told.number));
    }
  }
  const auto [wanted, had] = std::mismatch(expected.begin(), expected.end(), alerts.begin(), alerts.end());
  if (wanted != expected.end()) return "event " + wanted->first + " is there without its alert";
  if (had != alerts.end()) return "event " + had->first + " has an alert that it does not give";
  for (const auto& [key, is_firing] : firing) {
    if (is_firing != recorded_.contains(key))
      return "the record of " + key.first + " " + key.second + " does not say what its last alert says";
  }
  for (const auto& key : recorded_) {
    if (!firing.contains(key)) return "there is a record that " + key.first + " " + key.second + " fires, and no alert";
  }
  return "";
}

}  // namespace sluice
