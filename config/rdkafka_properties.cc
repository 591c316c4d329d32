#include "config/rdkafka_properties.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace sluice {
namespace {

struct Forbidden {
  std::string_view property;
  std::string_view why;
};

// What the promise stands on, or what has its own place in the configuration.
constexpr Forbidden kForbidden[] = {
    {"acks", "events count as delivered only when all in-sync replicas have them"},
    {"request.required.acks", "events count as delivered only when all in-sync replicas have them"},
    {"enable.idempotence", "order and single delivery within a session stand on it"},
    {"enable.gapless.guarantee", "nothing may overtake a failed event of its key"},
    {"message.timeout.ms", "events are tried until they are delivered"},
    {"delivery.timeout.ms", "events are tried until they are delivered"},
    {"message.send.max.retries", "events are tried until they are delivered"},
    {"retries", "events are tried until they are delivered"},
    {"max.in.flight", "the idempotent producer sets it"},
    {"max.in.flight.requests.per.connection", "the idempotent producer sets it"},
    {"transactional.id", "transactions are not used"},
    {"transaction.timeout.ms", "transactions are not used"},
    {"queue.buffering.max.messages", "what is in flight is bounded by sluice itself"},
    {"queue.buffering.max.kbytes", "what is in flight is bounded by sluice itself"},
    {"queuing.strategy", "order stands on it"},
    {"delivery.report.only.error", "events are deleted on their delivery reports"},
    {"log.queue", "sluice reads the library's log"},
    {"bootstrap.servers", "write `brokers`"},
    {"metadata.broker.list", "write `brokers`"},
    {"security.protocol", "it follows from `tls` and `auth`"},
    {"sasl.mechanism", "write `auth`"},
    {"sasl.mechanisms", "write `auth`"},
    {"sasl.username", "write `auth`"},
    {"sasl.password", "write `auth`"},
    {"ssl.ca.location", "write `tls`"},
    {"ssl.certificate.location", "write `tls`"},
    {"ssl.key.location", "write `tls`"},
    {"ssl.key.password", "write `tls`"},
    {"enable.ssl.certificate.verification", "a broker that cannot prove who it is gets nothing"},
    {"ssl.endpoint.identification.algorithm", "a broker that cannot prove who it is gets nothing"},
    {"topic.blacklist", "delivery stands on it: a hidden topic is never delivered to"},
    {"api.version.request",
     "the record's headers and the idempotent producer need what the brokers say of themselves (Kafka 0.11 or later)"},
    {"api.version.fallback.ms",
     "the record's headers and the idempotent producer need what the brokers say of themselves (Kafka 0.11 or later)"},
    {"broker.version.fallback",
     "the record's headers and the idempotent producer need what the brokers say of themselves (Kafka 0.11 or later)"},
    {"enable.sasl.oauthbearer.unsecure.jwt", "an unsigned token proves nothing"},
    {"plugin.library.paths", "no foreign code runs in the process that keeps your events"},
    {"interceptors", "no foreign code runs in the process that keeps your events"},
    {"enabled_events", "sluice chooses what it is told"},
    {"internal.termination.signal", "the library's threads are sluice's business"},
};

// Values of the library's programming interface, which text cannot give.
constexpr std::string_view kNotText[] = {"opaque", "default_topic_conf",      "msg_order_cmp", "ssl_key", "ssl_certificate",
                                         "ssl_ca", "ssl_engine_callback_data"};

bool IsNotText(std::string_view property) {
  return property.ends_with("_cb") || std::find(std::begin(kNotText), std::end(kNotText), property) != std::end(kNotText);
}

// Events that wait so long are taken for lost by the forwarder, which would start the client anew, again and again.
constexpr long kMaxLinger = 60'000;  // Milliseconds.

bool IsTooLong(std::string_view value) {
  long milliseconds = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
  return parsed.ec != std::errc() ? parsed.ec == std::errc::result_out_of_range : milliseconds > kMaxLinger;
}

}  // namespace

std::string WhyNotRdkafka(std::string_view property, std::string_view value) {
  const auto forbidden =
      std::find_if(std::begin(kForbidden), std::end(kForbidden), [&](const Forbidden& f) { return f.property == property; });
  if (forbidden != std::end(kForbidden)) return std::string(forbidden->why);
  if (IsNotText(property)) return "it belongs to the library's programming interface";
  if (property == "partitioner" && value == "random") return "events of one key would lie in several partitions, and lose their order";
  const bool is_linger = property == "linger.ms" || property == "queue.buffering.max.ms";
  if (is_linger && IsTooLong(value)) return "at most 60000: what waits longer counts as stuck, and would never be delivered";
  if (property.starts_with("sasl.kerberos.") || property.starts_with("sasl.oauthbearer.")) return "the mechanisms are those of `auth`";
  return "";
}

}  // namespace sluice
