#include "config/secrets.h"

#include <functional>
#include <utility>

namespace sluice {
namespace {

using ByPointer = std::map<std::string, std::string>;

void Add(ByPointer& all, const std::string& pointer, const std::string& value) {
  if (!value.empty()) all.emplace(pointer, value);
}

using EachTls = std::function<void(const std::string& pointer, const TlsConfig& tls)>;

void ForAws(const std::string& pointer, const AwsAuthConfig& auth, const EachTls& each) {
  if (auth.type == AwsAuthType::kIot) each(pointer + "/tls", auth.tls);
}

void ForSink(const std::string& pointer, const SinkConfig& sink, const EachTls& each) {
  switch (sink.type) {
    case SinkType::kKafka:
      if (sink.kafka.tls) each(pointer + "/tls", *sink.kafka.tls);
      if (sink.kafka.msk_iam) ForAws(pointer + "/auth/credentials", sink.kafka.msk_iam->credentials, each);
      break;
    case SinkType::kKinesis:
      each(pointer + "/tls", sink.kinesis.tls);
      ForAws(pointer + "/auth", sink.kinesis.auth, each);
      break;
    case SinkType::kMqtt:
      if (sink.mqtt.tls) each(pointer + "/tls", *sink.mqtt.tls);
      break;
    case SinkType::kFile:
      break;
  }
}

void ForEachTls(const Config& config, const EachTls& each) {
  for (const MqttSourceConfig& source : config.sources) {
    if (source.tls) each("/sources/" + source.name + "/tls", *source.tls);
  }
  for (const SinkConfig& sink : config.sinks) ForSink("/sinks/" + sink.name, sink, each);
}

void AddBroker(ByPointer& all, const std::string& pointer, const MqttBrokerConfig& broker) {
  Add(all, pointer + "/password", broker.password);
  Add(all, pointer + "/proxy", broker.proxy);
}

void AddAws(ByPointer& all, const std::string& pointer, const AwsAuthConfig& auth) {
  Add(all, pointer + "/secret_access_key", auth.secret_access_key);
  Add(all, pointer + "/session_token", auth.session_token);
}

void AddSink(ByPointer& all, const std::string& pointer, const SinkConfig& sink) {
  Add(all, pointer + "/auth/password", sink.kafka.password);
  if (sink.kafka.msk_iam) AddAws(all, pointer + "/auth/credentials", sink.kafka.msk_iam->credentials);
  for (const auto& [name, value] : sink.kafka.rdkafka) {
    if (IsSecretProperty(name)) Add(all, pointer + "/rdkafka/" + name, value);
  }
  Add(all, pointer + "/proxy", sink.kinesis.proxy);
  AddAws(all, pointer + "/auth", sink.kinesis.auth);
  AddBroker(all, pointer, sink.mqtt);
}

}  // namespace

bool IsSecretProperty(const std::string& rdkafka_name) {
  for (const char* word : {"password", "secret", "pem"}) {
    if (rdkafka_name.find(word) != std::string::npos) return true;
  }
  return false;
}

std::map<std::string, std::string> SecretsOf(const Config& config) {
  ByPointer all;
  ForEachTls(config, [&](const std::string& pointer, const TlsConfig& tls) { Add(all, pointer + "/key_password", tls.key_password); });
  for (const MqttSourceConfig& source : config.sources) AddBroker(all, "/sources/" + source.name, source);
  for (const SinkConfig& sink : config.sinks) AddSink(all, "/sinks/" + sink.name, sink);
  if (config.http) Add(all, "/http/token", config.http->token);
  return all;
}

std::map<std::string, std::string> TlsFilesOf(const Config& config) {
  ByPointer all;
  ForEachTls(config, [&](const std::string& pointer, const TlsConfig& tls) {
    Add(all, pointer + "/ca_file", tls.ca_file);
    Add(all, pointer + "/cert_file", tls.cert_file);
    Add(all, pointer + "/key_file", tls.key_file);
  });
  return all;
}

}  // namespace sluice
