#include "gateway/event_names.h"

#include <algorithm>

namespace sluice {
namespace {

// The wildcards follow these; the fields of the payload follow the wildcards.
enum Number : std::size_t { kTopic, kSource, kFirstWildcard, kFirstField = kFirstWildcard + Captures::kMax };

constexpr std::string_view kLabel = "label.";
constexpr std::string_view kPayload = "payload.";

}  // namespace

std::optional<Template::Name> EventNames::Resolve(std::string_view name) {
  if (name == "topic") return kTopic;
  if (name == "source") return kSource;
  if (name == "gateway.id") return gateway_.id;
  if (name == "gateway.hostname") return gateway_.hostname;
  if (name.starts_with(kPayload)) return NumberOfField(name.substr(kPayload.size()));
  if (name.starts_with(kLabel)) {
    auto label = gateway_.labels.find(std::string(name.substr(kLabel.size())));
    if (label == gateway_.labels.end()) return std::nullopt;
    return label->second;
  }
  const auto& names = filter_.names();
  auto wildcard = std::find(names.begin(), names.end(), name);
  if (wildcard == names.end()) return std::nullopt;
  return kFirstWildcard + static_cast<std::size_t>(wildcard - names.begin());
}

std::optional<Template::Name> EventNames::NumberOfField(std::string_view path) {
  auto known = std::find_if(fields_.begin(), fields_.end(), [&](const FieldPath& field) { return field.text == path; });
  const std::size_t number = kFirstField + static_cast<std::size_t>(known - fields_.begin());
  if (known != fields_.end()) return number;
  Result<FieldPath> parsed = FieldPath::Parse(path);
  if (!parsed) return std::nullopt;
  fields_.push_back(std::move(*parsed));
  return number;
}

const FieldPath* EventValues::Render(const Template& text, std::string& out) const {
  const FieldPath* lacking = nullptr;
  text.Render(out, [&](std::string& to, std::size_t number) {
    if (number == kTopic) {
      to += event.topic;
    } else if (number == kSource) {
      to += source;
    } else if (number < kFirstField) {
      to += captures.level[number - kFirstWildcard];
    } else if (const FieldPath& field = fields[number - kFirstField]; !payload->Append(field, to)) {
      lacking = &field;
    }
  });
  return lacking;
}

}  // namespace sluice
