#include "config/build_sink.h"

#include <charconv>
#include <string_view>

#include "config/build_aws.h"
#include "config/build_kinesis.h"
#include "config/build_mqtt_sink.h"
#include "config/build_source.h"
#include "config/rdkafka_properties.h"
#include "gateway/sink_rules.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

std::string TextOf(const JsonNode& node) {
  switch (node.kind) {
    case JsonNode::Kind::kBool:
      return node.boolean ? "true" : "false";
    case JsonNode::Kind::kInteger:
      return std::to_string(node.integer);
    default:
      return node.text;
  }
}

void ReadRdkafka(ObjectReader& reader, KafkaSinkConfig& kafka) {
  reader.Each("rdkafka", [&](const JsonMember& member, const std::string& pointer) {
    const auto complain = [&](const std::string& message) { reader.findings().mistakes.push_back({member.place, pointer, message, {}}); };
    const JsonNode::Kind kind = member.value.kind;
    if (kind != JsonNode::Kind::kString && kind != JsonNode::Kind::kInteger && kind != JsonNode::Kind::kBool) {
      return complain("a string, a whole number, true or false is expected here");
    }
    Result<std::string> value = ResolveReferences(TextOf(member.value), reader.findings().mode);
    if (!value) return complain(value.error().message);
    const std::string why_not = WhyNotRdkafka(member.key, *value);
    if (!why_not.empty()) return complain("`" + member.key + "` cannot be set here: " + why_not);
    kafka.rdkafka[member.key] = std::move(*value);
  });
}

void ReadPassword(ObjectReader& auth, KafkaSinkConfig& kafka) {
  auth.Require("username", "who we are to the broker");
  auth.Require("password", "as in \"${credential:kafka}\"");
  auth.String("username", kafka.username);
  auth.Secret("password", kafka.password);
}

void ReadMskIam(ObjectReader& auth, MskIamConfig& msk_iam) {
  ReadAwsRegion(auth, msk_iam.region);
  auth.Object("credentials", [&](ObjectReader& credentials) { ReadAwsAuth(credentials, msk_iam.credentials); });
}

void ReadAuth(ObjectReader& reader, KafkaSinkConfig& kafka) {
  reader.Object("auth", [&](ObjectReader& auth) {
    const std::vector<std::string_view> mechanisms = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "AWS_MSK_IAM"};
    std::size_t mechanism = 0;
    auth.Require("mechanism", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or AWS_MSK_IAM");
    auth.Word("mechanism", mechanisms, mechanism);
    kafka.mechanism = mechanisms[mechanism];
    if (kafka.mechanism == "AWS_MSK_IAM") {
      ReadMskIam(auth, kafka.msk_iam.emplace());
    } else {
      ReadPassword(auth, kafka);
    }
  });
  if (kafka.msk_iam && reader.Find("tls") == nullptr) {
    reader.Complain("auth", "AWS_MSK_IAM goes over TLS only, since whoever reads a token can use it; add \"tls\": {}");
  }
  if (kafka.mechanism == "PLAIN" && reader.Find("tls") == nullptr) {
    reader.Warn("auth", "PLAIN sends the password in clear; add \"tls\": {}");
  }
}

bool IsBroker(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && port != 0;
}

void ReadKafka(ObjectReader& reader, KafkaSinkConfig& kafka) {
  reader.Require("brokers", "as in [\"broker-1:9092\"]");
  reader.Strings("brokers", kafka.brokers);
  for (const std::string& broker : kafka.brokers) {
    if (!HasReference(broker) && !IsBroker(broker)) reader.Complain("brokers", "`" + broker + "` is not host:port");
  }
  reader.Object("tls", [&](ObjectReader& tls) { kafka.tls = ReadTls(tls); });
  ReadAuth(reader, kafka);
  ReadRdkafka(reader, kafka);
}

void ReadFile(ObjectReader& reader, FileSinkConfig& file) {
  reader.Require("path", "the file to write to");
  reader.String("path", file.path);
  reader.BytesOf("rotate_bytes", 4096, Bytes{1} << 40, file.rotate_bytes);
  std::int64_t keep = file.keep_files;
  reader.Integer("keep_files", 0, 100'000, keep);
  file.keep_files = static_cast<int>(keep);
}

void ReadMaxDestinations(ObjectReader& reader, SinkConfig& sink) {
  auto max = static_cast<std::int64_t>(sink.max_destinations);
  reader.Integer("max_destinations", 1, 100'000, max);
  sink.max_destinations = static_cast<std::size_t>(max);
}

// What is uploaded at most.
void ReadLimit(ObjectReader& reader, UploadLimit& limit) {
  reader.Object("limit", [&](ObjectReader& object) {
    std::int64_t events = limit.events_per_s;
    object.Integer("events_per_s", 1, 10'000'000, events);
    limit.events_per_s = static_cast<std::uint32_t>(events);
    object.BytesOf("bytes_per_s", 64, Bytes{1} << 40, limit.bytes_per_s);
  });
}

}  // namespace

SinkConfig BuildSink(const JsonMember& member, const std::string& pointer, const GatewayConfig& gateway, Findings& findings) {
  SinkConfig sink;
  sink.name = member.key;
  if (!IsName(member.key))
    findings.mistakes.push_back({member.place, pointer, "a sink's name has 1 to 32 letters, digits, `_` and `-`", {}});
  ObjectReader reader(member.value, pointer, findings);
  auto type = static_cast<std::size_t>(SinkType::kKafka);
  reader.Require("type", "\"kafka\", \"kinesis\", \"mqtt\" or \"file\"");
  reader.Word("type", {"kafka", "file", "kinesis", "mqtt"}, type);
  sink.type = static_cast<SinkType>(type);
  ReadLimit(reader, sink.limit);
  reader.DurationOf("retry_min", milliseconds(1), hours(1), sink.retry_min);
  reader.DurationOf("retry_max", milliseconds(1), hours(24), sink.retry_max);
  if (sink.retry_max < sink.retry_min) reader.Complain("retry_max", "retry_max is less than retry_min");
  if (RulesOf(sink.type).max_destination > 0) ReadMaxDestinations(reader, sink);
  switch (sink.type) {
    case SinkType::kKafka:
      ReadKafka(reader, sink.kafka);
      break;
    case SinkType::kFile:
      ReadFile(reader, sink.file);
      break;
    case SinkType::kKinesis:
      ReadKinesis(reader, sink.kinesis);
      break;
    case SinkType::kMqtt:
      ReadMqttSink(reader, sink.name, gateway, sink.mqtt);
      break;
  }
  return sink;
}

}  // namespace sluice
