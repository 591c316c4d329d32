// The names that templates of a route can refer to, and what each stands for.
//
//   {site}                               a named wildcard of the route's filter
//   {topic}, {source}                    the event's topic, the name of its source
//   {payload.temp}, {payload.meta.site}  a field of its payload (gateway/payload_fields.h)
//   {gateway.id}, {gateway.hostname}, {label.NAME}   from the configuration: the same for all events
//
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/payload_fields.h"
#include "gateway/template.h"
#include "gateway/topic.h"

namespace sluice {

/// Gives numbers to names while templates are parsed.
class EventNames {
 public:
  /// References outlive it.
  EventNames(const GatewayConfig& gateway, const TopicFilter& filter) : gateway_(gateway), filter_(filter) {}

  std::optional<Template::Name> Resolve(std::string_view name);
  /// The fields of the payload that were referred to.
  const std::vector<FieldPath>& fields() const { return fields_; }

 private:
  std::optional<Template::Name> NumberOfField(std::string_view path);

  const GatewayConfig& gateway_;
  const TopicFilter& filter_;
  std::vector<FieldPath> fields_;
};

/// One event, for the names of one EventNames.
struct EventValues {
  const Event& event;
  const std::string& source;
  const Captures& captures;
  const std::vector<FieldPath>& fields;
  PayloadFields* payload;  ///< In use with the event's payload; may be null if there are no fields.

  /// Renders `text` to the end of `out`. The field that the payload lacks, or null if it lacks none.
  const FieldPath* Render(const Template& text, std::string& out) const;
};

}  // namespace sluice
