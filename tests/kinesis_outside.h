// The scripted Kinesis (tests/kinesis/kinesis_peer.py) as a child process, and as the outside system of the sink tests.
#pragma once

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/config.h"
#include "drivers/kinesis_sink.h"
#include "tests/sink_suite.h"

namespace sluice {

class KinesisPeer {
 public:
  /// Ends the program if the peer cannot be started.
  KinesisPeer();
  ~KinesisPeer();
  KinesisPeer(const KinesisPeer&) = delete;
  KinesisPeer& operator=(const KinesisPeer&) = delete;

  int port() const { return port_; }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// One command, as the peer's file describes them; its answer.
  nlohmann::json Tell(const std::string& what, nlohmann::json arguments = nlohmann::json::object()) const;
  /// Faults for the next calls.
  void Play(const std::vector<std::string>& plays) const { Tell("play", {{"plays", plays}}); }

 private:
  std::string ReadLine() const;

  int pid_ = -1;
  std::FILE* in_ = nullptr;
  std::FILE* out_ = nullptr;
  int port_ = 0;
};

struct KinesisOutside {
  KinesisPeer peer;
  KinesisSinkConfig config;

  KinesisOutside() {
    config.region = "eu-central-1";
    config.endpoint = peer.Url();
    config.stream = "plant";
    config.timeout = std::chrono::seconds(20);
    config.auth = {AwsAuthType::kStatic, "", "", "", {}, "", "", "AKID000000000001", "secret-1", "token-1"};
  }
  std::unique_ptr<Sink> Make(Loop& on) const { return std::move(*KinesisSink::Create("lake", config, kIdentity, on, 1)); }
  void SetAway(bool away) const { peer.Tell("SetAway", {{"away", away}}); }
  /// In order of arrival; the client must have held what it has to hold.
  std::vector<Arrived> Read() const {
    const nlohmann::json all = peer.Tell("read");
    CHECK_MESSAGE(all["violations"].empty(), all["violations"].dump());
    std::vector<Arrived> arrived;
    for (const nlohmann::json& record : all["taken"]) {
      arrived.push_back(ArrivedFrom(record[2].get<std::string>()));
      CHECK(record[0] == "plant");
    }
    return arrived;
  }
};

}  // namespace sluice
