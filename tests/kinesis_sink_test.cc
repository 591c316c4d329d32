// What the Kinesis sink promises beyond what all sinks do (tests/sink_test.cc), against the scripted peer.
#include "drivers/kinesis_sink.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <set>

#include "tests/kinesis_outside.h"
#include "tests/sink_suite.h"

namespace sluice {
namespace {

using KinesisBench = Bench<KinesisOutside>;
using Json = nlohmann::json;

Row KeyedRow(Seq seq, const std::string& key, const std::string& payload = "payload") {
  Row row = MakeRow(seq, payload);
  row.key = key;
  return row;
}

/// [stream, partition key, data] of each record, in order of arrival.
Json Taken(const KinesisBench& bench) {
  return bench.outside.peer.Tell("read")["taken"];
}

std::set<std::string> Ids(const std::vector<Arrived>& arrived) {
  std::set<std::string> ids;
  for (const Arrived& one : arrived) ids.insert(one.id);
  return ids;
}

TEST_CASE("kinesis sink: the record of a bare event is its payload, byte for byte") {
  KinesisBench bench;
  Row row = KeyedRow(1, "k", "{\"temp\": 21.50}\n");
  row.bare = true;
  bench.sink->Send(row);
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  CHECK(Taken(bench)[0] == Json{"plant", "k", row.event.payload});
}

TEST_CASE("kinesis sink: records that are not taken out of a call are sent again by index, and nothing of their key overtakes") {
  KinesisBench bench;
  bench.outside.peer.Tell("Set", {{"share", 0.3}});
  for (Seq seq = 1; seq <= 600; ++seq) bench.sink->Send(KeyedRow(seq, "key-" + std::to_string(seq % 40)));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 600; });
  const std::vector<Arrived> arrived = bench.outside.Read();
  CHECK(arrived.size() == 600);  // Each once: what was taken was not sent again.
  CheckOrder(arrived);
}

TEST_CASE("kinesis sink: no answer but a complete one of Kinesis counts as delivered; what failed can be sent again") {
  for (const char* play : {"portal",
                           "redirect",
                           "huge",
                           "half",
                           "error 500 InternalFailure",
                           "error 503 ServiceUnavailable",
                           "error 400 LimitExceededException",
                           "error 400 ResourceNotFoundException",
                           "error 400 AccessDeniedException",
                           "error 400 KMSThrottlingException",
                           "error 400 KMSDisabledException",
                           "error 400 ProvisionedThroughputExceededException",
                           "error 413 ValidationException",
                           "body {}",
                           "body [1]",
                           "body {\"Records\":[{\"SequenceNumber\":\"1\"}]}",
                           "body {\"Records\":[{\"SequenceNumber\":\"1\"},{\"SequenceNumber\":",
                           "body {\"Records\":[{\"SequenceNumber\":\"1\"},{\"SequenceNumber\":\"\"}]}",
                           "body {\"Records\":[{\"SequenceNumber\":\"1\"},{\"SequenceNumber\":\"2\",\"ErrorCode\":\"x\"}]}",
                           "body {\"Records\":[{\"SequenceNumber\":\"1\"},{\"SequenceNumber\":\"2\"},{\"SequenceNumber\":\"3\"}]}",
                           "body {\"Records\":[{\"SequenceNumber\":\"1\"},7]}"}) {
    CAPTURE(play);
    KinesisBench bench;
    bench.outside.peer.Play({play});
    bench.Send(1, 2);
    bench.RunUntil([&] { return bench.recorder.verdicts.size() == 2; });
    CHECK(bench.Count(Verdict::kRetry) == 2);
    CHECK(bench.outside.Read().empty());
    bench.Reset();
    bench.recorder.verdicts.clear();
    bench.Send(1, 2);
    bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 2; });
  }
}

TEST_CASE("kinesis sink: a call whose answer is lost or late is made again, with the same ids and in order") {
  KinesisBench bench;
  bench.outside.config.timeout = std::chrono::milliseconds(300);
  bench.sink = bench.outside.Make(bench.loop);
  bench.sink->Open(bench.recorder);
  bench.outside.peer.Play({"", "late", "", "hangup", "hangup", "late"});
  bench.SendThrough(1, 60);
  const std::vector<Arrived> arrived = bench.outside.Read();
  CHECK(arrived.size() > 60);
  CHECK(Ids(arrived).size() == 60);
  CheckOrder(arrived);
}

TEST_CASE("kinesis sink: content that Kinesis calls wrong is rejected") {
  KinesisBench bench;
  bench.outside.peer.Tell("Set", {{"poison", "venom"}});
  bench.sink->Send(KeyedRow(1, "a"));
  bench.sink->Send(KeyedRow(2, "b", "venom"));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.recorder.verdicts.size() == 2; });
  // Which one it was nobody knows; the forwarder sends singly after this.
  CHECK(bench.Count(Verdict::kRejected) == 2);
  CHECK(bench.recorder.last_reason.find("poison") != std::string::npos);
}

TEST_CASE("kinesis sink: a record of 1 MiB is delivered, a larger one is rejected, and nothing of its key comes behind it") {
  KinesisBench bench;
  bench.sink->Send(KeyedRow(1, "k", ""));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  const std::size_t overhead =
      Taken(bench)[0][2].get<std::string>().size() + std::string("k").size() + std::string(R"("prevseq":"00000000000000000001",)").size();
  const std::size_t room = (1u << 20) - overhead;
  bench.sink->Send(KeyedRow(2, "k", std::string(room, 'x')));
  bench.sink->Send(KeyedRow(3, "k", std::string(room, 'x')));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 3; });
  bench.sink->Send(KeyedRow(4, "k", std::string(room + 1, 'x')));
  bench.sink->Send(KeyedRow(5, "k"));
  CHECK(bench.Count(Verdict::kRejected) == 0);  // Never from within Send.
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kRejected) == 1; });
  bench.sink->Flush();
  CHECK(bench.outside.Read().size() == 3);
  bench.Reset();
  bench.sink->Send(KeyedRow(5, "k"));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 4; });
}

TEST_CASE("kinesis sink: when a failure is told no other call is under way, so that a reset gives up nothing that arrived") {
  KinesisBench bench;
  bench.Send(1, 1);
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 1; });
  bench.outside.peer.Play({"hold", "error 500 InternalFailure"});
  for (Seq seq = 2; seq <= 3; ++seq) {  // A call each.
    bench.sink->Send(KeyedRow(seq, "key-" + std::to_string(seq)));
    bench.sink->Flush();
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  bench.RunUntil([&] { return std::chrono::steady_clock::now() > end; });
  CHECK(bench.Count(Verdict::kRetry) == 0);  // The other call has arrived, but its answer has not.
  bench.outside.peer.Tell("Release");
  bench.RunUntil([&] { return bench.Count(Verdict::kRetry) == 1; });
  CHECK(bench.Count(Verdict::kDelivered) == 2);
  CHECK(bench.outside.Read().size() == 2);
}

TEST_CASE("kinesis sink: a refused signature is told without the session's token, which AWS repeats in its answer") {
  KinesisBench bench;
  bench.outside.config.auth.secret_access_key = "wrong";
  bench.sink = bench.outside.Make(bench.loop);
  bench.sink->Open(bench.recorder);
  bench.Send(1, 1);
  bench.RunUntil([&] { return bench.Count(Verdict::kRetry) == 1; });
  CHECK(bench.recorder.last_reason.find("SignatureDoesNotMatch: It does not match.") != std::string::npos);
  CHECK(bench.recorder.last_reason.find("token-1") == std::string::npos);
}

TEST_CASE("kinesis sink: rows go to the streams that they name, each in calls of its own") {
  KinesisBench bench;
  for (Seq seq = 1; seq <= 90; ++seq) {
    Row row = KeyedRow(seq, "key-" + std::to_string(seq % 5));
    row.destination = seq % 3 == 0 ? "" : "stream-" + std::to_string(seq % 3);
    bench.sink->Send(row);
  }
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == 90; });
  std::map<std::string, int> taken;
  for (const Json& record : Taken(bench)) ++taken[record[0]];
  CHECK(taken == std::map<std::string, int>{{"plant", 30}, {"stream-1", 30}, {"stream-2", 30}});
}

TEST_CASE("kinesis sink: a key that Kinesis would not have is replaced by its digest, the same each time") {
  KinesisBench bench;
  std::string long_key;
  for (int i = 0; i < 129; ++i) long_key += "\xf0\x9f\x8f\xad";  // A factory: two of the 256 characters each.
  const std::string fits = long_key.substr(4);
  const std::vector<std::string> keys = {"plain", "", long_key, fits, "\xff\x01", "\"quoted\"\n"};
  for (Seq seq = 1; seq <= keys.size(); ++seq) bench.sink->Send(KeyedRow(seq, keys[seq - 1]));
  bench.sink->Flush();
  bench.RunUntil([&] { return bench.Count(Verdict::kDelivered) == keys.size(); });
  std::map<Seq, std::string> used;
  for (const Json& record : Taken(bench)) {
    const std::string id = ArrivedFrom(record[2].get<std::string>()).id;
    used[std::stoull(id.substr(id.rfind(':') + 1))] = record[1];
  }
  CHECK(used[1] == "plain");
  CHECK(used[2] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(used[3].size() == 64);
  CHECK(used[4] == fits);
  CHECK(used[5].size() == 64);
  CHECK(used[6] == "\"quoted\"\n");
}

TEST_CASE("kinesis sink: keys that have expired are asked for anew, once for all calls") {
  setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token", 1);
  KinesisBench bench;
  bench.outside.config.auth = {};
  bench.outside.config.auth.type = AwsAuthType::kContainer;
  bench.outside.config.auth.endpoint = bench.outside.peer.Url() + "/container";
  bench.sink = bench.outside.Make(bench.loop);
  bench.sink->Open(bench.recorder);
  const auto given = [&] { return bench.outside.peer.Tell("Get", {{"name", "keys_given"}}).get<int>(); };
  const int before = given();
  bench.SendThrough(1, 30);
  CHECK(given() == before + 1);
  bench.outside.peer.Tell("ExpireKeys");
  bench.SendThrough(1, 60);
  CHECK(given() == before + 2);
  CHECK(Ids(bench.outside.Read()).size() == 60);
  unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
}

TEST_CASE("kinesis sink: a clock that is wrong by hours is made up for, without touching it and without new keys") {
  for (const int seconds : {3 * 3600, -40 * 86400, 400}) {
    CAPTURE(seconds);
    KinesisBench bench;
    bench.outside.peer.Tell("Set", {{"clock", seconds}});
    bench.Send(1, 1);
    bench.RunUntil([&] { return bench.Count(Verdict::kRetry) == 1; });
    bench.Reset();
    bench.recorder.verdicts.clear();
    bench.Send(1, 50);
    bench.RunUntil([&] { return bench.recorder.verdicts.size() == 50; });
    CHECK(bench.Count(Verdict::kDelivered) == 50);
  }
}

TEST_CASE("kinesis sink: without keys nothing is delivered, and the reason is told") {
  KinesisBench bench;
  bench.outside.config.auth = {};
  bench.outside.config.auth.type = AwsAuthType::kSharedFile;
  bench.outside.config.auth.path = "/nonexistent/credentials";
  bench.sink = bench.outside.Make(bench.loop);
  bench.sink->Open(bench.recorder);
  bench.Send(1, 3);
  bench.RunUntil([&] { return bench.Count(Verdict::kRetry) == 3; });
  CHECK(bench.recorder.last_reason.find("/nonexistent/credentials cannot be read") != std::string::npos);
}

}  // namespace
}  // namespace sluice
