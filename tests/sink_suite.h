// What the tests of all sinks are made of: an outside system (a struct with Make, SetAway and Read), a sink at work on a real loop, and the
// record of its verdicts.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "gateway/cloud_event.h"
#include "gateway/loop.h"
#include "gateway/ports.h"
#include "tests/run_until.h"

namespace sluice {

inline const Identity kIdentity{"gw", "0123456789abcdef"};

/// What arrived outside, in order per key.
struct Arrived {
  std::string id;
  std::string key;
  std::string payload;
  std::map<std::string, std::string> attributes;
};

/// From a CloudEvents object in JSON.
inline Arrived ArrivedFrom(const std::string& text) {
  const nlohmann::json event = nlohmann::json::parse(text);
  Arrived one;
  for (const auto& [name, value] : event.items()) one.attributes[name] = value.get<std::string>();
  one.id = one.attributes["id"];
  one.key = one.attributes.contains("partitionkey") ? one.attributes["partitionkey"] : one.attributes["subject"];
  one.payload = one.attributes.contains("data") ? one.attributes["data"] : "base64:" + one.attributes["data_base64"];
  return one;
}

class Recorder : public SinkListener {
 public:
  void OnVerdict(Seq seq, Verdict verdict, const std::string& reason) override {
    CHECK(!closed);
    CHECK_MESSAGE(!verdicts.contains(seq), "a second verdict for ", seq);
    CHECK(reason.empty() == (verdict == Verdict::kDelivered));
    verdicts[seq] = verdict;
    last_reason = reason;
  }
  void OnVerdictsDone() override { ++groups; }
  void OnTrouble(const std::string& reason) override { troubles.push_back(reason); }

  std::map<Seq, Verdict> verdicts;
  std::string last_reason;
  std::vector<std::string> troubles;
  int groups = 0;
  bool closed = false;
};

inline Row MakeRow(Seq seq, const std::string& payload = "payload") {
  Row row;
  row.seq = seq;
  row.previous = seq > 1 ? seq - 1 : 0;
  row.source = "local";
  row.destination = "plant";
  row.event.topic = "plant/line-" + std::to_string(seq % 3);
  row.event.payload = payload;
  row.event.received = WallTime(std::chrono::nanoseconds(1'764'000'000'123'456'789));
  return row;
}

/// A sink at work on a real loop.
template <typename Outside>
struct Bench {
  Outside outside;
  Loop loop;
  Recorder recorder;
  std::unique_ptr<Sink> sink = outside.Make(loop);

  Bench() { sink->Open(recorder); }
  ~Bench() {
    if (!recorder.closed) Close();
    sink.reset();
  }
  template <typename Condition>
  void RunUntil(Condition condition) {
    sluice::RunUntil(loop, condition);
  }
  void Send(Seq from, Seq to) {
    for (Seq seq = from; seq <= to; ++seq) sink->Send(MakeRow(seq));
    sink->Flush();
  }
  /// What is to be retried is sent again after a reset, as the forwarder does, until all is delivered.
  void SendThrough(Seq from, Seq to) {
    const std::size_t count = to - from + 1;
    std::set<Seq> delivered;
    for (int round = 0; round < 100 && delivered.size() < count; ++round) {
      for (Seq seq = from; seq <= to; ++seq) {
        if (!delivered.contains(seq)) sink->Send(MakeRow(seq));
      }
      sink->Flush();
      RunUntil([&] { return Count(Verdict::kDelivered) + delivered.size() == count || Count(Verdict::kRetry) > 0; });
      for (const auto& [seq, verdict] : recorder.verdicts) {
        CHECK(verdict != Verdict::kRejected);
        if (verdict == Verdict::kDelivered) delivered.insert(seq);
      }
      recorder.verdicts.clear();
      Reset();
    }
    REQUIRE(delivered.size() == count);
  }
  std::size_t Count(Verdict verdict) const {
    return static_cast<std::size_t>(
        std::count_if(recorder.verdicts.begin(), recorder.verdicts.end(), [&](const auto& v) { return v.second == verdict; }));
  }
  void Reset() {
    bool ready = false;
    sink->Reset([&] {
      CHECK(!ready);
      ready = true;
    });
    CHECK(!ready);  // Never from inside the call.
    RunUntil([&] { return ready; });
  }
  void Close() {
    bool closed = false;
    sink->Close([&] {
      CHECK(!closed);
      closed = true;
    });
    CHECK(!closed);
    recorder.closed = true;
    RunUntil([&] { return closed; });
  }
};

inline std::map<std::string, std::vector<std::string>> IdsByKey(const std::vector<Arrived>& arrived) {
  std::map<std::string, std::vector<std::string>> ids;
  for (const Arrived& one : arrived) {
    auto& of_key = ids[one.key];
    if (std::find(of_key.begin(), of_key.end(), one.id) == of_key.end()) of_key.push_back(one.id);
  }
  return ids;
}

inline void CheckOrder(const std::vector<Arrived>& arrived) {
  for (const auto& [key, ids] : IdsByKey(arrived)) {
    std::vector<Seq> seqs;
    for (const std::string& id : ids) seqs.push_back(std::stoull(id.substr(id.rfind(':') + 1)));
    CHECK_MESSAGE(std::is_sorted(seqs.begin(), seqs.end()), key);
  }
}

}  // namespace sluice
