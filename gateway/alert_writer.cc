#include "gateway/alert_writer.h"

#include <algorithm>
#include <utility>

#include "gateway/cloud_event.h"

namespace sluice {
namespace {

void AppendValue(std::string& out, const FieldValue& value, bool is_computed) {
  if (value.kind == FieldValue::Kind::kNone) {
    out += "?";
  } else if (is_computed && value.kind == FieldValue::Kind::kNumber) {
    out += NumberText(value.number);
  } else {
    out += value.text;
  }
}

// Prometheus' labels have letters, digits and _ in their names.
std::string LabelName(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-' || c == ' '; }, '_');
  return name;
}

// Makes the id of a notification its own.
std::string MarkOf(const AlertCause& cause) {
  return cause.seq > 0 ? std::to_string(cause.seq) : "t" + std::to_string(cause.at.count());
}

}  // namespace

AlertWriter::AlertWriter(RuleProgram& program, RuleReading& reading, std::string id_prefix)
    : program_(program), reading_(reading), id_prefix_(std::move(id_prefix)), tokens_(program.config.max_per_minute) {}

void AlertWriter::Fire(const std::vector<SampleWindow>* windows, const RuleMoment& now, WallTime active, const AlertCause& cause,
                       Incident& incident, std::vector<AlertEvent>& alerts) {
  AlertDocument document = Describe(windows, now, active, cause);
  incident = {document.id, now.wall, !TakeToken(now.alive)};
  if (incident.suppressed) {
    ++suppressed_;
    ++untold_;
    return;
  }
  document.starts = now.wall;
  document.incident = document.id;
  document.suppressed = std::exchange(untold_, 0);
  alerts.push_back(MakeAlertEvent(document));
}

void AlertWriter::Resolve(const std::vector<SampleWindow>* windows, const RuleMoment& now, WallTime active, const AlertCause& cause,
                          const std::string& reason, const Incident& incident, std::vector<AlertEvent>& alerts) {
  if (incident.suppressed) return;
  AlertDocument document = Describe(windows, now, active, cause);
  document.is_firing = false;
  document.starts = incident.starts;
  document.ends = now.wall;
  document.incident = incident.id;
  document.reason = reason;
  if (!reason.empty()) document.id = incident.id + ":" + reason;  // It may be at the very time that it fired.
  document.suppressed = std::exchange(untold_, 0);
  alerts.push_back(MakeAlertEvent(document));
}

AlertDocument AlertWriter::Describe(const std::vector<SampleWindow>* windows, const RuleMoment& now, WallTime active,
                                    const AlertCause& cause) {
  AlertDocument document;
  document.alert = program_.config.alert;
  document.active = active;
  if (cause.seq > 0) document.cause = id_prefix_ + std::to_string(cause.seq);
  document.labels = Labels();
  document.id = NewId(id_prefix_ + document.alert + ":" + FingerprintOf(document.alert, document.labels) + ":" + MarkOf(cause));
  if (program_.value) reading_.Compute(*program_.value, windows, now, document.value);
  for (RuleInput& input : program_.inputs) {
    FieldValue& value = document.inputs.emplace_back(input.name, FieldValue{}).second;
    if (input.value) {
      reading_.Compute(*input.value, windows, now, value);
    } else if (const FieldValue* other = reading_.other(input.feed, now)) {
      value = *other;
    }
  }
  document.annotations = Render(program_.annotations, document);
  return document;
}

// One event may change a key more than once: as one of the rule's own, and as that of an input.
std::string AlertWriter::NewId(std::string id) {
  times_ = id == last_id_ ? times_ + 1 : 1;
  last_id_ = id;
  return times_ == 1 ? id : id + ":" + std::to_string(times_);
}

NamedTexts AlertWriter::Labels() const {
  NamedTexts labels = Render(program_.labels, {});
  for (std::size_t i = 0; i < program_.by.size(); ++i) {
    const std::string name = LabelName(program_.by[i]);
    const bool is_set = std::any_of(labels.begin(), labels.end(), [&](const auto& label) { return label.first == name; });
    if (!is_set) labels.emplace_back(name, reading_.part(i));
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

NamedTexts AlertWriter::Render(const std::vector<RuleProgram::Text>& texts, const AlertDocument& document) const {
  NamedTexts rendered;
  for (const RuleProgram::Text& text : texts) {
    std::string& out = rendered.emplace_back(text.name, "").second;
    text.text.Render(out, [&](std::string& to, std::size_t name) { AppendName(to, name, document); });
  }
  return rendered;
}

void AlertWriter::AppendName(std::string& out, std::size_t name, const AlertDocument& document) const {
  if (name == RuleProgram::kValue) return AppendValue(out, document.value, true);
  if (name == RuleProgram::kSince) {
    out += CloudEvent::FormatTime(document.active);
    return;
  }
  std::size_t number = name - RuleProgram::kFirst;
  if (number < program_.by.size()) {
    out += reading_.part(number);
    return;
  }
  number -= program_.by.size();
  if (number < document.inputs.size()) return AppendValue(out, document.inputs[number].second, true);
  number -= document.inputs.size();
  if (number < reading_.values().size()) AppendValue(out, reading_.values()[number], false);
}

// A bucket that holds a minute's worth.
bool AlertWriter::TakeToken(AliveTime now) {
  const double most = program_.config.max_per_minute;
  tokens_ = std::min(most, tokens_ + most * static_cast<double>((now - tokens_at_).count()) / 60'000);
  tokens_at_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

}  // namespace sluice
