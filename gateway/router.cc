#include "gateway/router.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

namespace sluice {
namespace {

Result<std::size_t> ClassOf(const Config& config, const RouteConfig& route) {
  const std::string& name = route.lane_class.empty() ? kDefaultClass : route.lane_class;
  const auto found = std::find_if(config.classes.begin(), config.classes.end(), [&](const ClassConfig& c) { return c.name == name; });
  if (found != config.classes.end()) return static_cast<std::size_t>(found - config.classes.begin());
  if (route.lane_class.empty()) return config.classes.size() - 1;
  return Fail(ErrorCode::kInvalid, "there is no class `" + name + "`");
}

// Each once.
void AddNames(const std::vector<FieldPath>& paths, std::vector<std::string>& names) {
  for (const FieldPath& path : paths) {
    if (std::find(names.begin(), names.end(), path.text) == names.end()) names.push_back(path.text);
  }
}

}  // namespace

Result<Router> Router::Create(const Config& config) {
  Router router;
  const auto urgent =
      std::find_if(config.classes.begin(), config.classes.end(), [](const ClassConfig& c) { return c.name == kUrgentClass; });
  if (urgent != config.classes.end()) router.urgent_class_ = static_cast<std::size_t>(urgent - config.classes.begin());
  for (const RouteConfig& route : config.routes) {
    const std::size_t first = router.entries_.size();
    for (const std::string& filter : route.match) {
      Result<Entry> entry = router.MakeEntry(config, route, filter);
      if (!entry) return Fail(ErrorCode::kInvalid, "route `" + route.name + "`: " + entry.error().message);
      router.entries_.push_back(std::move(*entry));
    }
    for (std::size_t i = first; i < router.entries_.size(); ++i)
      router.entries_[i].next = route.continue_after ? router.entries_.size() : SIZE_MAX;
  }
  if (!config.unrouted.empty()) {
    Result<Entry> entry = router.MakeEntry(config, {.name = "unrouted", .match = {}, .except = {}, .key = "", .to = config.unrouted}, "#");
    if (!entry) return tl::unexpected<Error>(entry.error());
    router.unrouted_ = std::move(*entry);
  }
  const auto has_fields = [](const Entry& entry) { return !entry.fields.empty() || entry.when; };
  const bool any = std::any_of(router.entries_.begin(), router.entries_.end(), has_fields);
  if (any || (router.unrouted_ && has_fields(*router.unrouted_))) router.payload_ = std::make_unique<PayloadFields>();
  router.NumberLanes();
  return router;
}

void Router::NumberLanes() {
  std::vector<Entry*> all;
  for (Entry& entry : entries_) all.push_back(&entry);
  if (unrouted_) all.push_back(&*unrouted_);
  for (const Entry* entry : all) {
    for (const TargetTemplates& target : entry->targets) lanes_.push_back({target.sink(), entry->lane_class});
  }
  std::sort(lanes_.begin(), lanes_.end(),
            [](const RoutedLane& a, const RoutedLane& b) { return std::tie(a.sink, a.lane_class) < std::tie(b.sink, b.lane_class); });
  lanes_.erase(std::unique(lanes_.begin(), lanes_.end()), lanes_.end());
  for (Entry* entry : all) {
    for (const TargetTemplates& target : entry->targets) {
      const auto lane = std::find(lanes_.begin(), lanes_.end(), RoutedLane{target.sink(), entry->lane_class});
      entry->lanes.push_back(static_cast<std::size_t>(lane - lanes_.begin()));
    }
  }
}

bool Router::IsUrgent(const std::string& topic) const {
  if (!urgent_class_) return false;
  Captures captures;
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.lane_class == *urgent_class_ && entry.filter.Matches(topic, captures); });
}

Result<Router::Entry> Router::MakeEntry(const Config& config, const RouteConfig& route, const std::string& filter) {
  Result<TopicFilter> parsed = TopicFilter::Parse(filter);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  const Result<std::size_t> lane_class = ClassOf(config, route);
  if (!lane_class) return tl::unexpected<Error>(lane_class.error());
  Result<std::vector<TopicFilter>> except = ParseExceptions(route);
  if (!except) return tl::unexpected<Error>(except.error());
  EventNames names(config.gateway, *parsed);
  std::vector<TargetTemplates> targets;
  for (const RouteTarget& target : route.to) {
    Result<TargetTemplates> templates = TargetTemplates::Create(config, route, target, names);
    if (!templates) return tl::unexpected<Error>(templates.error());
    targets.push_back(std::move(*templates));
  }
  Result<std::unique_ptr<EventCondition>> when = MakeCondition(route, *parsed);
  if (!when) return tl::unexpected<Error>(when.error());
  const std::optional<Duration> ttl = route.ttl ? route.ttl : config.classes[*lane_class].ttl;
  return Entry{*parsed, std::move(*except), route.name, *lane_class, ttl, names.fields(), std::move(*when), std::move(targets), {}, 0};
}

Result<std::unique_ptr<EventCondition>> Router::MakeCondition(const RouteConfig& route, const TopicFilter& filter) {
  if (route.when.empty()) return std::unique_ptr<EventCondition>();
  if (!conditions_) {
    Result<ConditionEngine> engine = ConditionEngine::Open();
    if (!engine) return tl::unexpected<Error>(engine.error());
    conditions_.emplace(std::move(*engine));
  }
  Result<EventCondition> condition = EventCondition::Create(*conditions_, route.when, filter);
  if (!condition) return tl::unexpected<Error>(condition.error());
  return std::make_unique<EventCondition>(std::move(*condition));
}

Result<std::vector<TopicFilter>> Router::ParseExceptions(const RouteConfig& route) {
  std::vector<TopicFilter> exceptions;
  for (const std::string& text : route.except) {
    Result<TopicFilter> except = TopicFilter::Parse(text);
    if (!except) return Fail(ErrorCode::kInvalid, "except `" + text + "`: " + except.error().message);
    if (!except->names().empty()) return Fail(ErrorCode::kInvalid, "except `" + text + "`: write `+` here; nothing can refer to the name");
    exceptions.push_back(std::move(*except));
  }
  return exceptions;
}

// Visits the entries that take an event, in order. If `decided`, the payload is in use; else a condition may be true or not.
template <typename Visit>
void Router::Walk(const std::string& topic, bool decided, const Visit& visit) const {
  Captures captures;
  for (std::size_t i = 0; i < entries_.size();) {
    const Entry& entry = entries_[i];
    const bool takes = Takes(entry, topic, captures) && (!entry.when || !decided || entry.when->IsTrue(captures, *payload_));
    if (takes) visit(entry, captures);
    i = takes && (decided || !entry.when) ? entry.next : i + 1;
  }
}

void Router::Route(const Event& event, const std::string& source, std::vector<Routed>& routed) const {
  if (payload_) payload_->Use(event.payload, event.format);
  Walk(event.topic, true, [&](const Entry& entry, const Captures& captures) { Append(entry, event, source, captures, routed); });
  if (routed.empty() && unrouted_) Append(*unrouted_, event, source, Captures{}, routed);
}

std::vector<const Router::Entry*> Router::EntriesFor(const std::string& topic, const std::string* payload, PayloadFormat format) const {
  if (payload != nullptr && payload_) payload_->Use(*payload, format);
  std::vector<const Entry*> entries;
  Walk(topic, payload != nullptr, [&](const Entry& entry, const Captures&) { entries.push_back(&entry); });
  if (entries.empty() && unrouted_) entries.push_back(&*unrouted_);
  return entries;
}

std::vector<std::string> Router::MatchingRoutes(const std::string& topic, const std::string* payload, PayloadFormat format) const {
  std::vector<std::string> names;
  for (const Entry* entry : EntriesFor(topic, payload, format)) {
    names.push_back(entry->route + (entry->when ? ", when " + entry->when->text() : ""));
  }
  return names;
}

std::vector<std::string> Router::FieldsFor(const std::string& topic) const {
  std::vector<std::string> fields;
  for (const Entry* entry : EntriesFor(topic, nullptr, PayloadFormat::kJson)) {
    AddNames(entry->fields, fields);
    if (entry->when) AddNames(entry->when->fields(), fields);
  }
  return fields;
}

bool Router::Takes(const Entry& entry, const std::string& topic, Captures& captures) {
  if (!entry.filter.Matches(topic, captures)) return false;
  Captures ignored;
  return std::none_of(entry.except.begin(), entry.except.end(), [&](const TopicFilter& except) { return except.Matches(topic, ignored); });
}

void Router::Append(const Entry& entry, const Event& event, const std::string& source, const Captures& captures,
                    std::vector<Routed>& routed) const {
  const EventValues values{event, source, captures, entry.fields, payload_.get()};
  for (std::size_t i = 0; i < entry.targets.size(); ++i) {
    const TargetTemplates& target = entry.targets[i];
    if (std::any_of(routed.begin(), routed.end(), [&](const Routed& r) { return r.sink == target.sink(); })) continue;
    Routed& one = routed.emplace_back();
    one.lane = entry.lanes[i];
    one.ttl = entry.ttl;
    target.Render(values, one);
  }
}

}  // namespace sluice
