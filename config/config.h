// What the operator asked for, as typed values: every default filled in, every reference resolved. Pure data.
//
// The names and defaults here are those of the JSON files (config/sluice.schema.json); durations are milliseconds, sizes are bytes.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

using Duration = std::chrono::milliseconds;
using Bytes = std::uint64_t;

/// The class of routes that name none.
inline constexpr const char* kDefaultClass = "normal";
/// The class whose events do not wait for others to be committed with.
inline constexpr const char* kUrgentClass = "alert";

struct GatewayConfig {
  std::string id;        ///< Default: the host name.
  std::string hostname;  ///< Not from the configuration.
  std::map<std::string, std::string> labels;
  Duration report_every = std::chrono::minutes(5);  ///< Between status events; 0: only when something happens.
};

/// Client side of TLS, the same for every driver. Paths of PEM files; empty means: the system's CAs, no client certificate.
struct TlsConfig {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string key_password;  ///< Secret.
};

enum class RetainedPolicy {
  kOnce,     ///< Retained messages are taken when the subscription is new, not again at every reconnect.
  kSkip,     ///< Never.
  kForward,  ///< At every connect.
};

/// How payloads are read where a rule or a route looks into them; they go on as they are in any case.
enum class PayloadFormat : std::uint8_t {
  kJson,         ///< A JSON object has fields; whatever else is the field `value`, a number or a text.
  kCbor,         ///< RFC 8949.
  kMessagePack,  ///< https://github.com/msgpack/msgpack/blob/master/spec.md
  kText,         ///< The whole is `value`, a number or a text.
};
/// The formats in JSON, in their order.
inline constexpr std::array<std::string_view, 4> kPayloadFormats = {"json", "cbor", "msgpack", "text"};

struct Subscription {
  std::string filter;
  int qos = 1;
  PayloadFormat format = PayloadFormat::kJson;  ///< Default: that of the source.
};

/// An MQTT broker and who we are to it: what a source and a sink have in common.
struct MqttBrokerConfig {
  std::string host;
  std::uint16_t port = 1883;     ///< Default 8883 for mqtts.
  std::optional<TlsConfig> tls;  ///< Present for mqtts.
  std::string client_id;         ///< Default "sluice-<gateway id>-<name of the source or sink>".
  std::string username;
  std::string password;      ///< Secret.
  std::string proxy;         ///< "http://[user:password@]host:port" on the way to the broker, or empty. Secret in part.
  int protocol_version = 5;  ///< 5, or 4 for MQTT 3.1.1.
  Duration keepalive = std::chrono::seconds(30);
  Duration connect_timeout = std::chrono::seconds(10);
};

struct MqttSourceConfig : MqttBrokerConfig {
  std::string name;
  std::vector<Subscription> subscribe;
  RetainedPolicy retained = RetainedPolicy::kOnce;
  PayloadFormat format = PayloadFormat::kJson;  ///< Of subscriptions that say none.
  Duration session_expiry = std::chrono::hours(24 * 7);
  std::uint16_t receive_maximum = 1000;  ///< 3.1.1: what the broker is assumed to allow; 20 is Mosquitto's default.
  Bytes max_payload = 1 << 20;
  Duration reconnect_min = std::chrono::milliseconds(500);
  Duration reconnect_max = std::chrono::seconds(60);
};

/// What is kept of dead letters; when there is more, the oldest go.
struct DeadLetterLimits {
  Bytes max_bytes = 64ull << 20;  ///< Default: no more than an eighth of the outbox.
  Duration max_age = std::chrono::hours(24 * 30);
};

struct OutboxConfig {
  std::string path = "/var/lib/sluice/outbox.db";
  Bytes max_bytes = 2ull << 30;
  Bytes min_free_bytes = 256ull << 20;
  Duration commit_every = std::chrono::milliseconds(100);
  DeadLetterLimits dead_letters;
};

/// What the rows of one event may come to, one for each sink: they go into one transaction, and dead letters need room beside them.
constexpr Bytes LargestEvent(const OutboxConfig& outbox) {
  return outbox.max_bytes / 4;
}

/// The socket on which the daemon answers the command line.
struct ControlConfig {
  std::string socket;  ///< Default: kServiceSocket for the outbox of the service, else control.sock beside the outbox.
};
inline constexpr const char* kServiceSocket = "/run/sluice/sluice.sock";

/// Metrics and health for monitoring, and what the command line can ask, over HTTP. Off unless the configuration has `http`.
struct HttpConfig {
  std::string listen = "127.0.0.1:9807";  ///< host:port, or "unix:" and a path.
  std::string token;                      ///< Secret. Who shows it may also change something over TCP; empty: nobody may.
  std::vector<std::string> hosts;         ///< Names by which clients call us, besides the address we listen on and localhost.
};

/// What becomes of a class's events when the outbox is at its bound.
enum class OnFull {
  kKeep,        ///< They stay; if nothing else can go, the sources pause.
  kDropOldest,  ///< The oldest go, and a gap record says which.
};

/// A class of events: one lane for each sink that its routes lead to. In the order of the configuration, the first leaves first.
struct ClassConfig {
  std::string name;
  OnFull on_full = OnFull::kDropOldest;
  double weight = 1;            ///< Its share of each sink's upload while other classes wait too, in proportion to theirs.
  std::optional<Duration> ttl;  ///< Of its events, unless their route says otherwise; counts while the box runs.
};

/// Bounds on what is uploaded; 0 is none.
struct UploadLimit {
  std::uint32_t events_per_s = 0;
  Bytes bytes_per_s = 0;
};

enum class SinkType { kKafka, kFile, kKinesis, kMqtt };

enum class AwsAuthType {
  kDefault,  ///< No `auth`: the environment, then the shared file, then the container.
  kEnvironment,
  kSharedFile,
  kContainer,
  kIot,
  kStatic,
};

/// Where the keys to AWS come from.
struct AwsAuthConfig {
  AwsAuthType type = AwsAuthType::kDefault;
  std::string endpoint;           ///< kIot: host[:port] of the credentials provider. kContainer: a URL, or empty: from the environment.
  std::string role_alias;         ///< kIot
  std::string thing_name;         ///< kIot; may be empty.
  TlsConfig tls;                  ///< kIot: the device's certificate.
  std::string path;               ///< kSharedFile; empty: AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials.
  std::string profile;            ///< kSharedFile; empty: AWS_PROFILE, or "default".
  std::string access_key_id;      ///< kStatic
  std::string secret_access_key;  ///< kStatic. Secret.
  std::string session_token;      ///< kStatic; may be empty. Secret.
};

/// How a Kafka sink signs in to Amazon MSK with IAM.
struct MskIamConfig {
  std::string region;
  AwsAuthConfig credentials;
};

struct KafkaSinkConfig {
  std::vector<std::string> brokers;
  std::string mechanism;  ///< SASL mechanism as the operator names it, empty for none.
  std::string username;
  std::string password;                 ///< Secret.
  std::optional<MskIamConfig> msk_iam;  ///< With mechanism AWS_MSK_IAM; instead of a user and a password. Only with `tls`.
  std::optional<TlsConfig> tls;
  std::map<std::string, std::string> rdkafka;  ///< Passed through; what the promise stands on was refused by check.
};

struct FileSinkConfig {
  std::string path;
  Bytes rotate_bytes = 64ull << 20;
  int keep_files = 8;  ///< Rotated files kept beside the current one; 0 keeps all.
};

struct KinesisSinkConfig {
  std::string region;
  std::string endpoint;  ///< A URL; default https://kinesis.<region>.amazonaws.com.
  std::string stream;
  AwsAuthConfig auth;
  TlsConfig tls;
  std::string proxy;  ///< "http://[user:password@]host:port", or empty. Secret in part.
  Duration connect_timeout = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(30);  ///< For the answer to a call, besides the time that its bytes may take.
};

/// Its client id is the name of one connection; each lane of the sink has one of its own and adds its class: "<client_id>-normal".
struct MqttSinkConfig : MqttBrokerConfig {
  Bytes max_packet = 268'435'455;  ///< Larger packets are refused without trying; the broker's own limit holds as well.
};

struct SinkConfig {
  std::string name;
  SinkType type = SinkType::kFile;
  KafkaSinkConfig kafka;      ///< When type is kKafka.
  FileSinkConfig file;        ///< When type is kFile.
  KinesisSinkConfig kinesis;  ///< When type is kKinesis.
  MqttSinkConfig mqtt;        ///< When type is kMqtt.
  UploadLimit limit;
  Duration retry_min = std::chrono::milliseconds(250);
  Duration retry_max = std::chrono::seconds(30);
  std::size_t max_destinations = 1000;  ///< That templates may come to. Not for a file.
};

/// What a sink gets with the payload.
enum class Envelope {
  kCloudEvents,
  kNone,  ///< For metered links: no attributes.
};

/// One sink of a route.
struct RouteTarget {
  std::string sink;
  std::string
      destination;  ///< Template: Kafka topic, MQTT topic, Kinesis stream. Empty: the event's own, the sink's own; a file needs none.
  std::optional<std::string> key = std::nullopt;    ///< Template; none: the route's.
  std::map<std::string, std::string> headers = {};  ///< Templates by name, besides the route's; they come before those.
  std::optional<Envelope> envelope = std::nullopt;  ///< None: the route's.
  bool retain = false;                              ///< MQTT: as a retained message.
};

struct RouteConfig {
  std::string name;
  std::vector<std::string> match;   ///< MQTT filters; `{name}` stands for a named `+`.
  std::vector<std::string> except;  ///< MQTT filters: what one of them matches is not for this route.
  std::string key;                  ///< Template; empty: the MQTT topic.
  std::vector<RouteTarget> to;
  std::string lane_class = "";  ///< JSON: "class". Empty: kDefaultClass, or the last class if there is none of that name.
  std::optional<Duration> ttl = std::nullopt;
  bool continue_after = false;                      ///< JSON: "continue".
  std::string when = "";                            ///< A condition (gateway/condition_syntax.h); empty: none.
  std::map<std::string, std::string> headers = {};  ///< Templates by name, for the targets that have headers.
  Envelope envelope = Envelope::kCloudEvents;       ///< For the targets that have a choice.
};

/// A value that the conditions of a rule know by a name.
struct RuleInputConfig {
  std::string name;
  std::string value;                    ///< An expression (gateway/condition_syntax.h), windows included.
  std::vector<std::string> match = {};  ///< MQTT filters of other sensors, whose events give the value; empty: the rule's own events do.
  std::optional<Duration> stale_after = std::nullopt;  ///< Of other sensors: NULL when nothing came for so long.
  std::size_t min_samples = 0;  ///< Its windows count once they have so many samples; 0: only once they are covered, or the rule's.
};

/// A rule for local alerts (gateway/rules.h).
struct RuleConfig {
  std::string alert;  ///< Its name, and the value of the label `alertname`.
  bool enabled = true;
  std::vector<std::string> match;                   ///< MQTT filters; `{name}` stands for a named `+`.
  std::optional<std::vector<std::string>> by = {};  ///< Names of wildcards, or fields: one state for each. None: all named wildcards.
  std::vector<RuleInputConfig> inputs = {};         ///< In the order of the configuration.
  std::string when = {};                            ///< A condition. Either this or `absent_for`.
  std::string clear_when = {};                      ///< A condition; empty: the alert is over when `when` is not true.
  Duration for_at_least{0};                         ///< JSON: "for".
  Duration keep_firing_for{0};
  std::optional<Duration> absent_for = std::nullopt;
  std::vector<std::map<std::string, std::string>> expect = {};  ///< Keys that are to be heard of, values by the names of `by`.
  bool count_blind_time = false;  ///< With absent_for: time without a connection to the broker, or switched off, counts too.
  std::size_t min_samples = 0;    ///< As that of an input, for windows outside of inputs and for inputs without one.
  std::map<std::string, std::string> labels = {};       ///< Templates.
  std::map<std::string, std::string> annotations = {};  ///< Templates.
  std::size_t max_keys = 10'000;                        ///< The least recently heard of is forgotten for a new one.
  std::size_t max_samples = 10'000;                     ///< In each window; the oldest go.
  std::uint32_t max_per_minute = 60;                    ///< Alerts that begin; what is more is counted, not sent.
};

enum class LogLevel { kError, kWarning, kInfo, kDebug };
enum class LogFormat { kLogfmt, kJson };

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
};

struct Config {
  GatewayConfig gateway;
  std::vector<MqttSourceConfig> sources;
  OutboxConfig outbox;
  ControlConfig control;
  std::optional<HttpConfig> http;
  std::vector<ClassConfig> classes = {
      {kUrgentClass, OnFull::kKeep, 8, {}}, {kDefaultClass, OnFull::kDropOldest, 3, {}}, {"bulk", OnFull::kDropOldest, 1, {}}};
  std::vector<SinkConfig> sinks;
  std::vector<RouteConfig> routes;
  std::vector<RuleConfig> rules;
  std::vector<RouteTarget> unrouted;  ///< Where events go that no route matches; empty: they are dropped and counted.
  LogConfig log;
};

}  // namespace sluice
