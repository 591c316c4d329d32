#include "config/review.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_spot.h"
#include "config/references.h"
#include "gateway/own_event.h"
#include "gateway/quantities.h"
#include "gateway/router.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

using Routes = std::vector<RouteConfig>;

// Those that could be parsed: what refers to the environment is not known when only checking.
std::vector<TopicFilter> Parsed(const std::vector<std::string>& texts) {
  std::vector<TopicFilter> filters;
  for (const std::string& text : texts) {
    if (Result<TopicFilter> filter = TopicFilter::Parse(text)) filters.push_back(std::move(*filter));
  }
  return filters;
}

// "$share/<group>/plant/#" brings the topics of "plant/#".
std::string_view WithoutShare(std::string_view filter) {
  if (!filter.starts_with("$share/")) return filter;
  const std::size_t end = filter.find('/', std::string_view("$share/").size());
  return end == std::string_view::npos ? filter : filter.substr(end + 1);
}

bool TakesAll(const RouteConfig& route, const TopicFilter& filter) {
  if (!route.except.empty() || !route.when.empty()) return false;
  const std::vector<TopicFilter> match = Parsed(route.match);
  return std::any_of(match.begin(), match.end(), [&](const TopicFilter& mine) { return mine.Covers(filter); });
}

// The route before `place` that leaves nothing of `filter` to later ones; null if there is none.
const RouteConfig* TakerBefore(const Routes& routes, std::size_t place, const TopicFilter& filter) {
  const auto end = routes.begin() + static_cast<std::ptrdiff_t>(place);
  const auto taker =
      std::find_if(routes.begin(), end, [&](const RouteConfig& route) { return !route.continue_after && TakesAll(route, filter); });
  return taker == end ? nullptr : &*taker;
}

// Sinks of an event that `filter`, of the route at `place`, takes: those that are certain.
std::size_t SinksFrom(const Routes& routes, std::size_t place, const TopicFilter& filter) {
  std::set<std::string> sinks;
  for (std::size_t i = place; i < routes.size(); ++i) {
    if (i > place && !TakesAll(routes[i], filter)) continue;
    for (const RouteTarget& target : routes[i].to) sinks.insert(target.sink);
    if (!routes[i].continue_after) break;
  }
  return sinks.size();
}

// Of the events of one subscription, at most.
std::size_t MostSinks(const Config& config, const TopicFilter& subscription) {
  const Routes& routes = config.routes;
  const bool all_routed = std::any_of(routes.begin(), routes.end(), [&](const RouteConfig& r) { return TakesAll(r, subscription); });
  std::size_t most = all_routed ? 0 : config.unrouted.size();
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (const TopicFilter& filter : Parsed(routes[i].match)) {
      if (!filter.Overlaps(subscription) || TakerBefore(routes, i, filter) != nullptr) continue;
      most = std::max(most, SinksFrom(routes, i, filter));
    }
  }
  return most;
}

// Empty if the outbox has room for the source's events.
std::string WhyTooLarge(const Config& config, const MqttSourceConfig& source) {
  std::size_t sinks = 0;
  for (const Subscription& subscription : source.subscribe) {
    const Result<TopicFilter> filter = TopicFilter::Parse(subscription.filter);
    if (filter) sinks = std::max(sinks, MostSinks(config, *filter));
  }
  const Bytes largest = LargestEvent(config.outbox);
  if (sinks == 0 || source.max_payload * sinks <= largest) return "";
  return "an event of max_payload, " + FormatBytes(source.max_payload) + ", takes " + FormatBytes(source.max_payload * sinks) + " in " +
         std::to_string(sinks) + " sinks' queues; with outbox.max_bytes " + FormatBytes(config.outbox.max_bytes) + " it may take " +
         FormatBytes(largest) + ": lower max_payload to " + FormatBytes(largest / sinks) + ", or raise outbox.max_bytes to " +
         FormatBytes(source.max_payload * sinks * (config.outbox.max_bytes / largest));
}

void ReviewSizes(ObjectReader& root, const Config& config) {
  auto source = config.sources.begin();
  root.Each("sources", [&](const JsonMember& member, const std::string& pointer) {
    const std::string why = WhyTooLarge(config, *source++);
    if (why.empty()) return;
    const JsonMember* size = member.value.Find("max_payload");
    const std::string place = size != nullptr ? pointer + "/max_payload" : pointer;
    root.findings().mistakes.push_back({size != nullptr ? size->value.place : member.value.place, place, why, {}});
  });
}

// A class or a route of which events may be given up; empty if there is none.
std::string FindGivingUp(const Config& config, const Router& router) {
  for (const RoutedLane& lane : router.lanes()) {
    const ClassConfig& one = config.classes[lane.lane_class];
    if (one.on_full == OnFull::kDropOldest) return "class `" + one.name + "` (on_full is drop_oldest)";
    if (one.ttl) return "class `" + one.name + "` (it has a ttl)";
  }
  const auto route = std::find_if(config.routes.begin(), config.routes.end(), [](const RouteConfig& r) { return r.ttl.has_value(); });
  return route == config.routes.end() ? "" : "route `" + route->name + "` (it has a ttl)";
}

void ReviewGaps(ObjectReader& root, const Config& config) {
  const Result<Router> router = Router::Create(config);
  if (!router || !router->MatchingRoutes(std::string(kGapsTopic), nullptr).empty()) return;
  const std::string giving_up = FindGivingUp(config, *router);
  if (giving_up.empty()) return;
  root.Warn("routes", "events of " + giving_up + " may be given up, and consumers would not be told which: no route takes " +
                          std::string(kGapsTopic) + "; add \"$sluice/#\" to the `match` of one");
}

void ReviewOrder(ObjectReader& root, const Routes& routes) {
  std::size_t place = 0;
  root.Items("routes", [&](const JsonNode& node, const std::string& pointer) {
    for (const TopicFilter& filter : Parsed(routes[place].match)) {
      const RouteConfig* taker = TakerBefore(routes, place, filter);
      if (taker == nullptr) continue;
      const std::string why = "`" + filter.Plain() + "` never matches here: route `" + taker->name +
                              "` takes all of it before; move this route before that one, or give that one \"continue\": true";
      root.findings().warnings.push_back({node.Find("match")->value.place, pointer + "/match", why, {}});
    }
    ++place;
  });
}

// What the sources subscribe to; nothing if some of it is not known when only checking.
std::optional<std::vector<TopicFilter>> Subscriptions(const Config& config) {
  std::vector<TopicFilter> filters;
  for (const MqttSourceConfig& source : config.sources) {
    for (const Subscription& subscription : source.subscribe) {
      Result<TopicFilter> filter = TopicFilter::Parse(WithoutShare(subscription.filter));
      if (!filter) return std::nullopt;
      filters.push_back(std::move(*filter));
    }
  }
  return filters;
}

// `match`: where `texts` stand, a string or an array.
void ReviewMatch(const std::vector<TopicFilter>& subscriptions, const std::vector<std::string>& texts, const Spot& match,
                 std::vector<Mistake>& warnings) {
  for (const TopicFilter& filter : Parsed(texts)) {
    const auto overlaps = [&](const TopicFilter& subscription) { return subscription.Overlaps(filter); };
    if (std::any_of(subscriptions.begin(), subscriptions.end(), overlaps)) continue;
    warnings.push_back({match.place, match.pointer, "no source subscribes to `" + filter.Plain() + "`: nothing ever matches here", {}});
  }
}

void ReviewRuleTopics(ObjectReader& root, const Config& config) {
  const std::optional<std::vector<TopicFilter>> subscriptions = Subscriptions(config);
  if (!subscriptions) return;
  auto rule = config.rules.begin();
  root.Items("rules", [&](const JsonNode& node, const std::string& pointer) {
    std::vector<Mistake>& warnings = root.findings().warnings;
    ReviewMatch(*subscriptions, rule->match, Locate(node, pointer, "match"), warnings);
    for (const RuleInputConfig& input : rule->inputs) {
      ReviewMatch(*subscriptions, input.match, Locate(node, pointer, "inputs/" + input.name + "/match"), warnings);
    }
    ++rule;
  });
}

// Names of the rules whose alerts no route takes.
std::vector<std::string> Unheard(const Config& config, const Router& router) {
  std::vector<std::string> names;
  for (const RuleConfig& rule : config.rules) {
    const bool known = !HasReference(rule.alert);
    if (rule.enabled && known && router.MatchingRoutes("$sluice/alerts/" + rule.alert, nullptr).empty()) names.push_back(rule.alert);
  }
  return names;
}

void ReviewAlerts(ObjectReader& root, const Config& config) {
  const Result<Router> router = Router::Create(config);
  if (!router) return;
  const std::vector<std::string> names = Unheard(config, *router);
  if (names.empty()) return;
  const std::string others = names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : "";
  root.Warn("routes", "alerts of rule `" + names[0] + "`" + others + " would go nowhere: no route takes $sluice/alerts/" + names[0] +
                          "; add \"$sluice/#\" to the `match` of one");
}

}  // namespace

void Review(ObjectReader& root, const Config& config) {
  ReviewSizes(root, config);
  ReviewGaps(root, config);
  ReviewOrder(root, config.routes);
  ReviewRuleTopics(root, config);
  ReviewAlerts(root, config);
}

}  // namespace sluice
