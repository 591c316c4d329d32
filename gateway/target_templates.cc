#include "gateway/target_templates.h"

#include <algorithm>
#include <map>
#include <utility>

#include "gateway/sink_rules.h"

namespace sluice {
namespace {

// What MQTT can carry as one string.
constexpr std::size_t kMaxText = 65'535;

Result<Template> Parse(const std::string& what, const std::string& text, EventNames& names) {
  Result<Template> parsed = Template::Parse(text, [&](std::string_view name) { return names.Resolve(name); });
  if (!parsed) return Fail(ErrorCode::kInvalid, what + ": " + parsed.error().message);
  return parsed;
}

// The first reason is the one to tell.
void Refuse(Routed& routed, std::string why) {
  if (routed.misfit.empty()) routed.misfit = std::move(why);
}

// False if a field is lacking.
bool RenderText(const Template& text, const EventValues& values, std::string& out, Routed& routed) {
  const FieldPath* lacking = values.Render(text, out);
  if (lacking == nullptr) return true;
  routed.is_field_lacking = true;
  Refuse(routed, "no payload field `" + lacking->text + "`");
  return false;
}

// For the key and the headers, which may have any characters.
void RenderFreeText(const char* what, const Template& text, const EventValues& values, std::string& out, Routed& routed) {
  if (!RenderText(text, values, out, routed) || out.size() <= kMaxText) return;
  Refuse(routed, std::string(what) + " is longer than " + std::to_string(kMaxText) + " bytes");
}

}  // namespace

Result<TargetTemplates> TargetTemplates::Create(const Config& config, const RouteConfig& route, const RouteTarget& target,
                                                EventNames& names) {
  auto sink = std::find_if(config.sinks.begin(), config.sinks.end(), [&](const SinkConfig& s) { return s.name == target.sink; });
  if (sink == config.sinks.end()) return Fail(ErrorCode::kInvalid, "there is no sink `" + target.sink + "`");
  TargetTemplates result;
  result.sink_ = static_cast<std::size_t>(sink - config.sinks.begin());
  result.type_ = sink->type;
  result.bare_ = RulesOf(sink->type).takes_bare && target.envelope.value_or(route.envelope) == Envelope::kNone;
  result.retain_ = target.retain;
  const bool own_topic = sink->type == SinkType::kMqtt && target.destination == "{topic}";
  if (Result<void> parsed = result.ParseDestination(own_topic ? "" : target.destination, names); !parsed) {
    return Fail(ErrorCode::kInvalid, "to " + target.sink + ": " + parsed.error().message);
  }
  const std::string key = target.key.value_or(route.key);
  if (!key.empty() && key != "{topic}") {
    Result<Template> parsed = Parse("key", key, names);
    if (!parsed) return tl::unexpected<Error>(parsed.error());
    result.key_ = std::move(*parsed);
  }
  if (!TakesHeaders(*sink)) return result;
  std::map<std::string, std::string> headers = target.headers;
  headers.insert(route.headers.begin(), route.headers.end());
  for (const auto& [name, value] : headers) {
    Result<Template> parsed = Parse("header `" + name + "`", value, names);
    if (!parsed) return tl::unexpected<Error>(parsed.error());
    result.headers_.push_back({name, std::move(*parsed)});
  }
  return result;
}

Result<void> TargetTemplates::ParseDestination(const std::string& text, EventNames& names) {
  Result<Template> parsed = Parse(RulesOf(type_).destination_key, text, names);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  destination_ = std::move(*parsed);
  if (!destination_.IsConstant()) return {};
  std::string& fixed = fixed_destination_.emplace();
  destination_.Render(fixed, [](std::string&, std::size_t) {});
  if (text.empty()) return {};  // The sink's own.
  const std::string misfit = FitDestination(type_, fixed);
  if (!misfit.empty()) return Fail(ErrorCode::kInvalid, misfit);
  return {};
}

void TargetTemplates::Render(const EventValues& values, Routed& routed) const {
  routed.sink = sink_;
  routed.bare = bare_;
  routed.retain = retain_;
  RenderDestination(values, routed);
  if (key_) RenderFreeText("the key", *key_, values, routed.key.emplace(), routed);
  for (const Header& header : headers_) {
    Property& property = routed.headers.emplace_back(Property{header.name, ""});
    RenderFreeText("a header", header.value, values, property.value, routed);
  }
}

void TargetTemplates::RenderDestination(const EventValues& values, Routed& routed) const {
  if (fixed_destination_) {
    routed.destination = *fixed_destination_;
    return;
  }
  routed.is_templated = true;
  if (RenderText(destination_, values, routed.destination, routed)) Refuse(routed, FitDestination(type_, routed.destination));
}

}  // namespace sluice
