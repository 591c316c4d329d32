#include "config/build_mqtt_broker.h"

#include <optional>
#include <string_view>
#include <utility>

#include "config/build_source.h"
#include "gateway/host_port.h"

namespace sluice {
namespace {

using std::chrono::seconds;

constexpr std::uint16_t kMqttPort = 1883;
constexpr std::uint16_t kMqttsPort = 8883;

// mqtt://host[:port] or mqtts://host[:port]; an IPv6 address in brackets.
bool ParseUrl(std::string_view url, MqttBrokerConfig& broker) {
  const bool tls = url.starts_with("mqtts://");
  if (!tls && !url.starts_with("mqtt://")) return false;
  url.remove_prefix(tls ? 8 : 7);
  if (url.ends_with('/')) url.remove_suffix(1);
  std::optional<HostPort> where = HostPort::Parse(url);
  if (!where || where->host.find_first_of("/@ ") != std::string::npos) return false;
  broker.host = std::move(where->host);
  broker.port = where->port != 0 ? where->port : tls ? kMqttsPort : kMqttPort;
  if (tls) broker.tls.emplace();
  return true;
}

void ReadUrl(ObjectReader& reader, MqttBrokerConfig& broker) {
  std::string url;
  reader.Require("url", "where the broker is, as in \"mqtt://127.0.0.1:1883\"");
  reader.String("url", url);
  const bool unknown = HasReference(url);  // When only checking.
  if (!url.empty() && !unknown && !ParseUrl(url, broker)) {
    reader.Complain("url", "`" + url + "` is not a broker's address; write mqtt://host:1883 or, for TLS, mqtts://host:8883");
  }
  const bool has_tls = reader.Find("tls") != nullptr;
  if (has_tls && !url.empty() && !unknown && !broker.tls) reader.Complain("tls", "TLS is used with an mqtts:// address only");
  reader.Object("tls", [&](ObjectReader& tls) { broker.tls = ReadTls(tls); });
}

}  // namespace

void ReadMqttBroker(ObjectReader& reader, const std::string& name, const GatewayConfig& gateway, MqttBrokerConfig& broker) {
  ReadUrl(reader, broker);
  broker.client_id = "sluice-" + gateway.id + "-" + name;
  reader.String("client_id", broker.client_id);
  if (broker.client_id.empty()) reader.Complain("client_id", "the broker knows us by our client id: it cannot be empty");
  reader.String("username", broker.username);
  reader.Secret("password", broker.password);
  reader.Secret("proxy", broker.proxy);
  std::size_t protocol = 0;
  reader.Word("protocol", {"5", "3.1.1"}, protocol);
  broker.protocol_version = protocol == 0 ? 5 : 4;
  reader.DurationOf("keepalive", seconds(2), seconds(65'535), broker.keepalive);
  reader.DurationOf("connect_timeout", seconds(1), seconds(600), broker.connect_timeout);
}

}  // namespace sluice
