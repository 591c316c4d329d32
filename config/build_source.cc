#include "config/build_source.h"

#include <algorithm>
#include <charconv>

#include "gateway/topic.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxName = 32;
constexpr std::uint16_t kMqttPort = 1883;
constexpr std::uint16_t kMqttsPort = 8883;
constexpr std::uint16_t kMosquittoInflight = 20;  // max_inflight_messages of Mosquitto for 3.1.1 clients, if not configured.

// mqtt://host[:port] or mqtts://host[:port]; an IPv6 address in brackets.
bool ParseUrl(std::string_view url, MqttSourceConfig& source) {
  const bool tls = url.starts_with("mqtts://");
  if (!tls && !url.starts_with("mqtt://")) return false;
  url.remove_prefix(tls ? 8 : 7);
  if (url.ends_with('/')) url.remove_suffix(1);
  std::string_view port;
  if (url.starts_with('[')) {
    const std::size_t end = url.find(']');
    if (end == std::string_view::npos) return false;
    source.host = url.substr(1, end - 1);
    port = url.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return false;
  } else {
    const std::size_t colon = std::min(url.find(':'), url.size());
    source.host = url.substr(0, colon);
    port = url.substr(colon);
  }
  if (source.host.empty() || source.host.find_first_of("/@ ") != std::string::npos) return false;
  source.port = tls ? kMqttsPort : kMqttPort;
  if (tls) source.tls.emplace();
  if (port.empty()) return true;
  port.remove_prefix(1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), source.port);
  return parsed.ec == std::errc() && parsed.ptr == port.data() + port.size() && source.port != 0;
}

void ReadUrl(ObjectReader& reader, MqttSourceConfig& source) {
  std::string url;
  reader.Require("url", "where the broker is, as in \"mqtt://127.0.0.1:1883\"");
  reader.String("url", url);
  const bool unknown = HasReference(url);  // When only checking.
  if (!url.empty() && !unknown && !ParseUrl(url, source)) {
    reader.Complain("url", "`" + url + "` is not a broker's address; write mqtt://host:1883 or, for TLS, mqtts://host:8883");
  }
  const bool has_tls = reader.Find("tls") != nullptr;
  if (has_tls && !url.empty() && !unknown && !source.tls) reader.Complain("tls", "TLS is used with an mqtts:// address only");
  reader.Object("tls", [&](ObjectReader& tls) { source.tls = ReadTls(tls); });
}

void CheckFilters(ObjectReader& reader, const MqttSourceConfig& source) {
  std::vector<TopicFilter> filters;
  for (const Subscription& subscription : source.subscribe) {
    if (HasReference(subscription.filter)) continue;  // When only checking.
    Result<TopicFilter> filter = TopicFilter::Parse(subscription.filter);
    if (!filter) {
      reader.Complain("subscribe", "`" + subscription.filter + "`: " + filter.error().message);
      continue;
    }
    if (!filter->names().empty()) reader.Complain("subscribe", "`" + subscription.filter + "`: write `+` here; names are for routes");
    for (std::size_t i = 0; i < filters.size(); ++i) {
      if (!filters[i].Overlaps(*filter)) continue;
      reader.Complain("subscribe",
                      "`" + filters[i].Plain() + "` and `" + subscription.filter +
                          "` overlap: the broker may deliver a message that both match twice; keep the wider one, or use two sources");
    }
    filters.push_back(std::move(*filter));
  }
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
    Result<std::string> filter = ResolveReferences(member.key, reader.findings().mode);
    if (!filter) return reader.Complain("subscribe", filter.error().message);
    source.subscribe.push_back({std::move(*filter), static_cast<int>(qos)});
  });
  const JsonMember* all = reader.Find("subscribe");
  if (all != nullptr && all->value.kind == JsonNode::Kind::kObject && source.subscribe.empty()) {
    reader.Complain("subscribe", "a source needs one topic filter at least");
  }
  CheckFilters(reader, source);
}

void ReadSession(ObjectReader& reader, MqttSourceConfig& source) {
  std::size_t protocol = 0;
  reader.Word("protocol", {"5", "3.1.1"}, protocol);
  source.protocol_version = protocol == 0 ? 5 : 4;
  reader.DurationOf("keepalive", seconds(2), seconds(65'535), source.keepalive);
  reader.DurationOf("session_expiry", seconds(0), hours(24 * 365 * 10), source.session_expiry);
  std::int64_t receive_maximum = source.protocol_version == 5 ? source.receive_maximum : kMosquittoInflight;
  reader.Integer("receive_maximum", 1, 65'535, receive_maximum);
  source.receive_maximum = static_cast<std::uint16_t>(receive_maximum);
  reader.BytesOf("max_payload", 1, 256u << 20, source.max_payload);
  auto retained = static_cast<std::size_t>(source.retained);
  reader.Word("retained", {"once", "skip", "forward"}, retained);
  source.retained = static_cast<RetainedPolicy>(retained);
  reader.DurationOf("connect_timeout", seconds(1), seconds(600), source.connect_timeout);
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
  ReadUrl(reader, source);
  source.client_id = "sluice-" + gateway.id + "-" + source.name;
  reader.String("client_id", source.client_id);
  if (source.client_id.empty()) reader.Complain("client_id", "a session that outlives a connection needs a client id");
  reader.String("username", source.username);
  reader.Secret("password", source.password);
  reader.Secret("proxy", source.proxy);
  ReadSession(reader, source);
  ReadSubscriptions(reader, source);
  return source;
}

}  // namespace sluice
