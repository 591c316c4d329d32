#include "config/build_source.h"

#include <algorithm>

#include "config/build_mqtt_broker.h"
#include "gateway/topic.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxName = 32;
constexpr std::uint16_t kMosquittoInflight = 20;  // max_inflight_messages of Mosquitto for 3.1.1 clients, if not configured.

void CheckFilters(ObjectReader& reader, const MqttSourceConfig& source) {
  const TopicFilter own_topics = *TopicFilter::Parse("$sluice/#");
  std::vector<TopicFilter> filters;
  for (const Subscription& subscription : source.subscribe) {
    if (HasReference(subscription.filter)) continue;  // When only checking.
    Result<TopicFilter> filter = TopicFilter::Parse(subscription.filter);
    if (!filter) {
      reader.Complain("subscribe", "`" + subscription.filter + "`: " + filter.error().message);
      continue;
    }
    if (!filter->names().empty()) reader.Complain("subscribe", "`" + subscription.filter + "`: write `+` here; names are for routes");
    if (filter->Overlaps(own_topics)) {
      reader.Complain("subscribe", "`" + subscription.filter +
                                       "`: topics below $sluice are the gateway's own, and no source can create them; "
                                       "a route gets its events by \"$sluice/#\" without a subscription");
    }
    for (std::size_t i = 0; i < filters.size(); ++i) {
      if (!filters[i].Overlaps(*filter)) continue;
      reader.Complain("subscribe",
                      "`" + filters[i].Plain() + "` and `" + subscription.filter +
                          "` overlap: the broker may deliver a message that both match twice; keep the wider one, or use two sources");
    }
    filters.push_back(std::move(*filter));
  }
}

void ReadFormat(ObjectReader& reader, PayloadFormat& format) {
  auto number = static_cast<std::size_t>(format);
  reader.Word("format", {kPayloadFormats.begin(), kPayloadFormats.end()}, number);
  format = static_cast<PayloadFormat>(number);
}

void ReadSubscriptions(ObjectReader& reader, MqttSourceConfig& source) {
  reader.Require("subscribe", "which topics, as in { \"plant/#\": { \"qos\": 1 } }");
  reader.Each("subscribe", [&](const JsonMember& member, const std::string& pointer) {
    std::int64_t qos = 1;
    ObjectReader options(member.value, pointer, reader.findings());
    options.Integer("qos", 0, 2, qos);
    if (qos == 2 && source.protocol_version != 5) {
      options.Complain(
          "qos", "with MQTT 3.1.1 the client library acknowledges QoS 2 before it hands the message over; use QoS 1, or protocol \"5\"");
    }
    PayloadFormat format = source.format;
    ReadFormat(options, format);
    Result<std::string> filter = ResolveReferences(member.key, reader.findings().mode);
    if (!filter) return reader.Complain("subscribe", filter.error().message);
    source.subscribe.push_back({std::move(*filter), static_cast<int>(qos), format});
  });
  const JsonMember* all = reader.Find("subscribe");
  if (all != nullptr && all->value.kind == JsonNode::Kind::kObject && source.subscribe.empty()) {
    reader.Complain("subscribe", "a source needs one topic filter at least");
  }
  CheckFilters(reader, source);
}

void ReadSession(ObjectReader& reader, MqttSourceConfig& source) {
  reader.DurationOf("session_expiry", seconds(0), hours(24 * 365 * 10), source.session_expiry);
  std::int64_t receive_maximum = source.protocol_version == 5 ? source.receive_maximum : kMosquittoInflight;
  reader.Integer("receive_maximum", 1, 65'535, receive_maximum);
  source.receive_maximum = static_cast<std::uint16_t>(receive_maximum);
  reader.BytesOf("max_payload", 1, 256u << 20, source.max_payload);
  auto retained = static_cast<std::size_t>(source.retained);
  reader.Word("retained", {"once", "skip", "forward"}, retained);
  source.retained = static_cast<RetainedPolicy>(retained);
  reader.DurationOf("reconnect_min", milliseconds(10), hours(1), source.reconnect_min);
  reader.DurationOf("reconnect_max", milliseconds(10), hours(24), source.reconnect_max);
  if (source.reconnect_max < source.reconnect_min) reader.Complain("reconnect_max", "reconnect_max is less than reconnect_min");
}

}  // namespace

bool IsName(std::string_view text) {
  const auto ok = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), ok);
}

TlsConfig ReadTls(ObjectReader& reader) {
  TlsConfig tls;
  reader.String("ca_file", tls.ca_file);
  reader.String("cert_file", tls.cert_file);
  reader.String("key_file", tls.key_file);
  reader.Secret("key_password", tls.key_password);
  if (tls.cert_file.empty() != tls.key_file.empty()) reader.Complain("cert_file", "a client certificate needs both cert_file and key_file");
  return tls;
}

MqttSourceConfig BuildSource(const JsonMember& member, const std::string& pointer, const GatewayConfig& gateway, Findings& findings) {
  MqttSourceConfig source;
  source.name = member.key;
  if (!IsName(member.key)) {
    findings.mistakes.push_back({member.place, pointer, "a source's name has 1 to 32 letters, digits, `_` and `-`", {}});
  }
  ObjectReader reader(member.value, pointer, findings);
  std::size_t type = 0;
  reader.Require("type", "\"mqtt\"");
  reader.Word("type", {"mqtt"}, type);
  ReadMqttBroker(reader, source.name, gateway, source);
  ReadSession(reader, source);
  ReadFormat(reader, source.format);
  ReadSubscriptions(reader, source);
  return source;
}

}  // namespace sluice
