// The conformance suite of sinks: what every driver behind the Sink port promises, against the real thing (for Kafka, librdkafka's mock
// cluster; for Kinesis, a peer that judges each call as AWS does).
#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "drivers/file_sink.h"
#include "drivers/kafka_sink.h"
#include "drivers/mqtt_sink.h"
#include "tests/kinesis_outside.h"
#include "tests/make_certificate.h"
#include "tests/mock_kafka.h"
#include "tests/mosquitto.h"
#include "tests/mqtt_reader.h"
#include "tests/sink_suite.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

struct KafkaOutside {
  static constexpr int kBrokers = 3;
  MockKafka kafka{kBrokers};
  Loop* loop = nullptr;

  KafkaOutside() { kafka.CreateTopic("plant", 4); }
  std::unique_ptr<Sink> Make(Loop& on) {
    KafkaSinkConfig config;
    config.brokers = {kafka.bootstrap()};
    config.rdkafka = {{"linger.ms", "5"}, {"reconnect.backoff.ms", "10"}, {"reconnect.backoff.max.ms", "50"}};
    return std::move(*KafkaSink::Create("cloud", config, kIdentity, on));
  }
  void SetAway(bool away) { kafka.SetDown(away); }

  std::vector<Arrived> Read() const {
    char why[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka.bootstrap().c_str(), why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "reader", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof why);
    rd_kafka_t* reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_topic_partition_list_t* partitions = rd_kafka_topic_partition_list_new(4);
    for (int i = 0; i < 4; ++i) rd_kafka_topic_partition_list_add(partitions, "plant", i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(reader, partitions);
    std::vector<Arrived> arrived;
    for (int ends = 0; ends < 4;) {
      rd_kafka_message_t* message = rd_kafka_consumer_poll(reader, 10'000);
      REQUIRE(message != nullptr);
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ++ends;
      } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        arrived.push_back(Convert(message));
      }
      rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(partitions);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return arrived;
  }

  static Arrived Convert(rd_kafka_message_t* message) {
    Arrived one;
    one.key.assign(static_cast<const char*>(message->key), message->key_len);
    one.payload.assign(static_cast<const char*>(message->payload), message->len);
    CHECK(message->payload != nullptr);  // Not a tombstone.
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* name = nullptr;
      const void* value = nullptr;
      std::size_t size = 0;
      for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
        std::string attribute = name;
        if (attribute.starts_with("ce_")) attribute.erase(0, 3);
        one.attributes[attribute] = std::string(static_cast<const char*>(value), size);
      }
    }
    one.id = one.attributes["id"];
    return one;
  }
};

struct FileOutside {
  TempDir dir;

  std::unique_ptr<Sink> Make(Loop& on) {
    FileSinkConfig config;
    config.path = dir.Path("out/events.jsonl");
    std::filesystem::create_directory(dir.Path("out"));
    return std::make_unique<FileSink>(config, kIdentity, on);
  }
  void SetAway(bool away) {
    // A folder that is not there: as when a volume is not mounted.
    std::filesystem::rename(dir.Path(away ? "out" : "away"), dir.Path(away ? "away" : "out"));
  }

  std::vector<Arrived> Read() const {
    std::vector<Arrived> arrived;
    std::ifstream file(dir.Path("out/events.jsonl"));
    for (std::string line; std::getline(file, line);) arrived.push_back(ArrivedFrom(line));
    return arrived;
  }
};

struct MqttOutside {
  Mosquitto broker{"max_packet_size 1000000\n"};
  mutable MqttReader reader{broker.port()};

  struct Around {
    explicit Around(Loop& loop) : gate(std::move(*AckGate::Open(loop))), control(loop) {}
    std::unique_ptr<AckGate> gate;
    MqttControl control;
  };
  /// The sink and what outlives it.
  struct SinkAndAround : private Around, public MqttSink {
    SinkAndAround(const MqttSinkConfig& config, Loop& loop)
        : Around(loop), MqttSink("andon", "normal", config, kIdentity, *gate, control, loop) {}
  };

  std::unique_ptr<Sink> Make(Loop& on) {
    MqttSinkConfig config;
    config.host = "127.0.0.1";
    config.port = broker.port();
    config.client_id = "sluice-gw-andon";
    return std::make_unique<SinkAndAround>(config, on);
  }
  void SetAway(bool away) {
    if (away) {
      (void)reader.Messages();  // Mosquitto forgets what it has not sent on.
      broker.Kill();
    } else {
      broker.Start();
      reader.Reconnect();
    }
  }

  std::vector<Arrived> Read() const {
    std::vector<Arrived> arrived;
    for (const MqttReader::Message& message : reader.Messages()) {
      Arrived one;
      CHECK(message.topic == "plant");
      for (const Property& property : message.properties) CHECK(one.attributes.emplace(property.name, property.value).second);
      one.id = one.attributes["id"];
      one.key = one.attributes.contains("partitionkey") ? one.attributes["partitionkey"] : one.attributes["subject"];
      one.payload = message.payload;
      arrived.push_back(std::move(one));
    }
    return arrived;
  }
};

TEST_CASE_TEMPLATE("sink: each row gets one verdict, and what is delivered is there, in order per key", Outside, KafkaOutside, FileOutside,
                   KinesisOutside, MqttOutside) {
  Bench<Outside> bench;
  for (Seq from = 1; from < 3000; from += 100) bench.Send(from, from + 99);
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 3000; });
  CHECK(bench.recorder.groups > 0);
  const std::vector<Arrived> arrived = bench.outside.Read();
  CHECK(arrived.size() == 3000);
  CheckOrder(arrived);
}

TEST_CASE_TEMPLATE("sink: an event carries its CloudEvents attributes, and its payload untouched", Outside, KafkaOutside, FileOutside,
                   KinesisOutside, MqttOutside) {
  Bench<Outside> bench;
  Row row = MakeRow(7, "{\"a\":\"\\u0001\x7f\n\"}");
  row.key = "k\"1";
  row.event.content_type = "application/json";
  row.event.expiry = std::chrono::seconds(60);
  row.event.properties = {{"trace", "x"}, {"ce_id", "forged"}};
  bench.sink->Send(row);
  bench.sink->Send(MakeRow(8, ""));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 2; });
  for (const Arrived& one : bench.outside.Read()) {
    const auto attribute = [&](const char* name) { return one.attributes.contains(name) ? one.attributes.at(name) : std::string(); };
    if (one.id != "gw:0123456789abcdef:7") {
      CHECK(one.payload.empty());
      continue;
    }
    CHECK(one.payload == row.event.payload);
    CHECK(one.key == "k\"1");
    CHECK(attribute("specversion") == "1.0");
    CHECK(attribute("source") == "/sluice/gw/local");
    CHECK(attribute("type") == "io.sluice.mqtt.message");
    CHECK(attribute("time") == "2025-11-24T16:00:00.123456Z");
    CHECK(attribute("expirytime") == "2025-11-24T16:01:00.123456Z");
    CHECK(attribute("subject") == "plant/line-1");
    CHECK(attribute("sequence") == "00000000000000000007");
    CHECK(attribute("prevseq") == "00000000000000000006");
  }
}

TEST_CASE("kafka sink: content type and user properties are headers; none can pass for an attribute of ours") {
  Bench<KafkaOutside> bench;
  Row row = MakeRow(1, std::string("\0\xff", 2));
  row.event.content_type = "application/cbor";
  row.event.properties = {{"trace", "x"}, {"ce_id", "forged"}, {"content-type", "forged"}};
  bench.sink->Send(row);
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  const std::vector<Arrived> arrived = bench.outside.Read();
  REQUIRE(arrived.size() == 1);
  CHECK(arrived[0].payload == std::string("\0\xff", 2));
  CHECK(arrived[0].attributes.at("content-type") == "application/cbor");
  CHECK(arrived[0].attributes.at("trace") == "x");
  CHECK(arrived[0].id == "gw:0123456789abcdef:1");
}

TEST_CASE("kafka sink: a bare event is its key, its payload and its own headers, and nothing of ours") {
  Bench<KafkaOutside> bench;
  Row row = MakeRow(1, "21.5");
  row.bare = true;
  row.key = "k";
  row.event.content_type = "text/plain";
  row.event.expiry = std::chrono::seconds(60);
  row.event.properties = {{"site", "graz"}, {"ce_id", "forged"}};
  bench.sink->Send(row);
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  const std::vector<Arrived> arrived = bench.outside.Read();
  REQUIRE(arrived.size() == 1);
  CHECK(arrived[0].payload == "21.5");
  CHECK(arrived[0].key == "k");
  CHECK(arrived[0].attributes == std::map<std::string, std::string>{{"id", ""}, {"site", "graz"}});
}

TEST_CASE_TEMPLATE("sink: while the outside is away nothing is called delivered; afterwards all arrives, in order", Outside, KafkaOutside,
                   FileOutside, KinesisOutside, MqttOutside) {
  Bench<Outside> bench;
  bench.Send(1, 50);
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 50; });
  bench.outside.SetAway(true);
  bench.Reset();
  bench.recorder.verdicts.clear();
  bench.Send(51, 90);
  // A file fails at once; Kafka is silent. Either is right, "delivered" is not.
  const auto end = std::chrono::steady_clock::now() + milliseconds(300);
  bench.RunUntil([&] { return std::chrono::steady_clock::now() > end; });
  CHECK(bench.Count(Verdict::kDelivered) == 0);
  CHECK(bench.Count(Verdict::kRejected) == 0);
  bench.Reset();
  bench.recorder.verdicts.clear();
  bench.outside.SetAway(false);
  bench.SendThrough(51, 90);
  const std::vector<Arrived> arrived = bench.outside.Read();
  CheckOrder(arrived);
  std::set<std::string> ids;
  for (const Arrived& one : arrived) ids.insert(one.id);
  CHECK(ids.size() == 90);
}

TEST_CASE_TEMPLATE("sink: after a reset no verdict comes for what was in flight, and it can be sent again", Outside, KafkaOutside,
                   FileOutside, KinesisOutside, MqttOutside) {
  Bench<Outside> bench;
  for (int round = 0; round < 5; ++round) {
    bench.Send(1, 500);
    bench.Reset();
    bench.recorder.verdicts.clear();  // A late verdict would be a second one below.
  }
  bench.Send(1, 500);
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 500; });
  CheckOrder(bench.outside.Read());
}

TEST_CASE_TEMPLATE("sink: close comes back once, with rows in flight or none, and no verdict follows", Outside, KafkaOutside, FileOutside,
                   KinesisOutside, MqttOutside) {
  SUBCASE("idle") {
    Bench<Outside> bench;
    bench.Close();
  }
  SUBCASE("in flight") {
    Bench<Outside> bench;
    bench.Send(1, 500);
    bench.Close();
  }
  SUBCASE("outside away") {
    Bench<Outside> bench;
    bench.outside.SetAway(true);
    bench.Send(1, 10);
    bench.Close();
    bench.outside.SetAway(false);
  }
}

TEST_CASE("kafka sink: what Kafka will never take is rejected, what it may take later is to be retried") {
  struct Answer {
    rd_kafka_resp_err_t error;
    Verdict verdict;
  };
  for (const Answer& answer : {Answer{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Verdict::kRejected},
                               {RD_KAFKA_RESP_ERR_INVALID_RECORD, Verdict::kRejected},
                               {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, Verdict::kRetry}}) {
    Bench<KafkaOutside> bench;
    bench.outside.kafka.FailProduce(answer.error, 1);
    bench.Send(1, 1);
    bench.RunUntil([&] { return bench.recorder.verdicts.size() == 1; });
    CHECK_MESSAGE(bench.recorder.verdicts[1] == answer.verdict, rd_kafka_err2name(answer.error));
  }
}

TEST_CASE("kafka sink: a leader that moves again and again costs no row and no order") {
  Bench<KafkaOutside> bench;
  for (int round = 0; round < 30; ++round) {
    bench.Send(static_cast<Seq>(round * 100 + 1), static_cast<Seq>(round * 100 + 100));
    for (int partition = 0; partition < 4; ++partition)
      bench.outside.kafka.MoveLeader("plant", partition, 1 + (round + partition) % KafkaOutside::kBrokers);
    bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) + 300 >= static_cast<std::size_t>(round * 100); });
  }
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 3000; });
  CheckOrder(bench.outside.Read());
}

TEST_CASE("kafka errors: what may be mended outside never rejects a row, and its reason says what to do") {
  for (rd_kafka_resp_err_t error :
       {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED}) {
    CHECK(KafkaVerdict(error) == Verdict::kRetry);
    CHECK(KafkaReason(error, "plant").find("topic plant") != std::string::npos);
  }
  for (rd_kafka_resp_err_t error :
       {RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__SSL,
        RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
        RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS}) {
    CHECK(KafkaVerdict(error) == Verdict::kRetry);
  }
}

TEST_CASE("kafka errors: a trouble is told once when it begins and once when it is over; what only follows from it is not") {
  KafkaTrouble trouble;
  CHECK(!trouble.OnDelivered());
  CHECK(trouble.OnError(RD_KAFKA_RESP_ERR__TIMED_OUT).empty());
  CHECK(trouble.OnError(RD_KAFKA_RESP_ERR__AUTHENTICATION).find("`auth`") != std::string::npos);
  CHECK(trouble.OnError(RD_KAFKA_RESP_ERR__AUTHENTICATION).empty());
  CHECK(trouble.OnError(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN).empty());
  CHECK(trouble.OnError(RD_KAFKA_RESP_ERR__SSL).find("`tls`") != std::string::npos);
  CHECK(trouble.OnDelivered());
  CHECK(!trouble.OnDelivered());
  CHECK(trouble.OnError(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN).find("network") != std::string::npos);
}

TEST_CASE("kafka sink: a row that the library does not even queue gets its verdict too, after Send has returned") {
  Bench<KafkaOutside> bench;
  bench.sink->Send(MakeRow(1, std::string(2'000'000, 'x')));
  Row nameless = MakeRow(2);
  nameless.destination = "";
  bench.sink->Send(nameless);
  CHECK(bench.recorder.verdicts.empty());
  bench.RunUntil([&] { return bench.Count(Verdict::kRejected) == 2; });
}

/// Brokers that are not there, and our certificate for them.
struct KafkaWithTls {
  TempDir dir;

  KafkaWithTls() { Replace(); }
  void Replace() { dir.Write("ours.pem", MakeCertificate(std::chrono::seconds(4'000'000'000))); }
  void Remove() { std::filesystem::remove(dir.Path("ours.pem")); }
  std::unique_ptr<Sink> Make(Loop& on) const {
    KafkaSinkConfig config;
    config.brokers = {"127.0.0.1:1"};
    config.tls.emplace();
    config.tls->ca_file = config.tls->cert_file = config.tls->key_file = dir.Path("ours.pem");
    return std::move(*KafkaSink::Create("cloud", config, kIdentity, on));
  }
};

TEST_CASE("kafka sink: a certificate that is gone for a moment is trouble, and a reset waits until it is there again") {
  Bench<KafkaWithTls> bench;
  bench.outside.Remove();
  bool ready = false;
  bench.sink->Reset([&] { ready = true; });
  bench.RunUntil([&] { return !bench.recorder.troubles.empty() && bench.recorder.troubles.back().find("ours.pem") != std::string::npos; });
  CHECK(!ready);
  bench.outside.Replace();
  bench.RunUntil([&] { return ready; });
}

TEST_CASE("kafka sink: it can be closed while its certificate is gone") {
  Bench<KafkaWithTls> bench;
  bench.outside.Remove();
  bench.sink->Reset([] { FAIL("there is no producer"); });
  bench.RunUntil([&] { return !bench.recorder.troubles.empty() && bench.recorder.troubles.back().find("ours.pem") != std::string::npos; });
  bench.Close();
}

TEST_CASE("kafka sink: after a refusal nothing of the same key that was sent later is delivered") {
  Bench<KafkaOutside> bench;
  bench.outside.kafka.SetRoundTrip(50);
  bench.outside.kafka.FailProduce(RD_KAFKA_RESP_ERR_INVALID_RECORD, 1);
  for (Seq seq = 1; seq <= 200; ++seq) {
    Row row = MakeRow(seq);
    row.key = "one";
    bench.sink->Send(row);
    if (seq % 20 == 0) bench.sink->Flush();
  }
  bench.RunUntil([&] { return bench.Count(Verdict::kRejected) > 0; });
  const auto end = std::chrono::steady_clock::now() + milliseconds(500);
  bench.RunUntil([&] { return std::chrono::steady_clock::now() > end || bench.recorder.verdicts.size() == 200; });
  const Seq first_refused = std::find_if(bench.recorder.verdicts.begin(), bench.recorder.verdicts.end(), [](const auto& v) {
                              return v.second == Verdict::kRejected;
                            })->first;
  for (const auto& [seq, verdict] : bench.recorder.verdicts) CHECK((seq < first_refused || verdict != Verdict::kDelivered));
}

TEST_CASE("mqtt sink: what the broker can never take is rejected without a try, and the rest arrives") {
  Bench<MqttOutside> bench;
  Row row = MakeRow(1, std::string(1'000'000, 'x'));
  bench.sink->Send(row);
  for (const char* topic : {"a/+/b", "a/#"}) {
    row = MakeRow(row.seq + 1);
    row.key = topic;
    row.destination = topic;
    bench.sink->Send(row);
  }
  row = MakeRow(4);
  row.destination = std::string(65'536, 't');
  row.key = "long";
  bench.sink->Send(row);
  row = MakeRow(5, std::string(900'000, 'x'));
  bench.sink->Send(row);
  bench.sink->Flush();
  CHECK(bench.recorder.verdicts.empty());
  bench.RunUntil([&] { return bench.recorder.verdicts.size() == 5; });
  CHECK(bench.Count(Verdict::kRejected) == 4);
  CHECK(bench.recorder.verdicts[5] == Verdict::kDelivered);
}

TEST_CASE("mqtt sink: content type, user properties, expiry and bytes are carried; none can pass for an attribute of ours") {
  Bench<MqttOutside> bench;
  Row row = MakeRow(1, std::string("\0\xff", 2));
  row.event.content_type = "application/cbor";
  row.event.received = std::chrono::system_clock::now();
  row.event.expiry = std::chrono::seconds(600);
  row.event.properties = {{"trace", "x"}, {"id", "forged"}, {"datacontenttype", "forged"}};
  bench.sink->Send(row);
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  const std::vector<MqttReader::Message> arrived = bench.outside.reader.Messages();
  REQUIRE(arrived.size() == 1);
  CHECK(arrived[0].payload == row.event.payload);
  CHECK(arrived[0].content_type == "application/cbor");
  CHECK(arrived[0].expiry > 0);
  CHECK(arrived[0].expiry <= 600);
  const auto& properties = arrived[0].properties;
  CHECK(std::count(properties.begin(), properties.end(), Property{"trace", "x"}) == 1);
  CHECK(std::count(properties.begin(), properties.end(), Property{"id", "gw:0123456789abcdef:1"}) == 1);
  CHECK(std::none_of(properties.begin(), properties.end(), [](const Property& p) { return p.value == "forged"; }));
}

TEST_CASE("mqtt sink: what is to be retained is there for who comes later, the rest is not") {
  Bench<MqttOutside> bench;
  Row row = MakeRow(1, "on");
  row.destination = "lamp/1";
  row.retain = true;
  bench.sink->Send(row);
  bench.sink->Send(MakeRow(2));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 2; });
  MqttReader later(bench.outside.broker.port());
  const std::vector<MqttReader::Message> found = later.Messages();
  REQUIRE(found.size() == 1);
  CHECK(found[0].topic == "lamp/1");
  CHECK(found[0].payload == "on");
}

TEST_CASE("mqtt sink: when the connection ends, every row without an answer is to be retried, once") {
  Bench<MqttOutside> bench;
  bench.Send(1, 1);
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  bench.Send(2, 2000);
  bench.outside.SetAway(true);
  bench.RunUntil([&] { return bench.recorder.verdicts.size() == 2000; });
  CHECK(bench.Count(Verdict::kDelivered) + bench.Count(Verdict::kRetry) == 2000);
  bench.outside.SetAway(false);
  std::vector<Seq> again;
  for (const auto& [seq, verdict] : bench.recorder.verdicts) {
    if (verdict != Verdict::kDelivered) again.push_back(seq);
  }
  bench.Reset();
  for (Seq seq : again) {
    bench.recorder.verdicts.erase(seq);
    bench.sink->Send(MakeRow(seq));
  }
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 2000; });
  CheckOrder(bench.outside.Read());
}

TEST_CASE("file sink: a payload that is not UTF-8 is data_base64") {
  Bench<FileOutside> bench;
  bench.sink->Send(MakeRow(1, "\xff\x01"));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  CHECK(bench.outside.Read().at(0).payload == "base64:/wE=");
}

}  // namespace
}  // namespace sluice
