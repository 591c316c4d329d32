// Who may include whom (gateway/DESIGN.md).
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Source {
  std::string path;                  ///< From the top: "gateway/inbox.cc".
  std::vector<std::string> own;      ///< Of this project, as written.
  std::vector<std::string> foreign;  ///< In angle brackets.
};

std::vector<Source> AllSources() {
  const std::string include = "#include ";
  std::vector<Source> sources;
  for (const char* folder : {"gateway", "drivers", "store", "config"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(SLUICE_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".h" && entry.path().extension() != ".cc") continue;
      Source source{std::string(folder) + "/" + entry.path().filename().string(), {}, {}};
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        if (line.rfind(include, 0) != 0) continue;
        const std::string name = line.substr(include.size() + 1, line.find_last_of("\">") - include.size() - 1);
        (line[include.size()] == '"' ? source.own : source.foreign).push_back(name);
      }
      sources.push_back(std::move(source));
    }
  }
  return sources;
}

bool StartsWith(const std::string& text, const char* prefix) {
  return text.rfind(prefix, 0) == 0;
}

std::string Stem(const std::string& path) {
  return path.substr(0, path.rfind('.'));
}

const std::set<std::string> kBase = {"gateway/event", "gateway/result", "gateway/ports", "config/config"};
// These know everybody.
const std::set<std::string> kComposition = {"gateway/main", "gateway/daemon", "gateway/assembly", "gateway/offline"};
const std::set<std::string> kPure = {"gateway/topic",
                                     "gateway/template",
                                     "gateway/router",
                                     "gateway/backoff",
                                     "gateway/settlement",
                                     "gateway/explain",
                                     "gateway/lane_buffer",
                                     "gateway/cloud_event",
                                     "gateway/sink_rules",
                                     "gateway/target_templates",
                                     "gateway/event_names",
                                     "gateway/payload_fields",
                                     "gateway/endpoint",
                                     "gateway/host_port",
                                     "gateway/bisection",
                                     "gateway/upload_share",
                                     "gateway/running_time",
                                     "gateway/progress",
                                     "gateway/condition",
                                     "gateway/condition_syntax",
                                     "gateway/condition_tokens",
                                     "gateway/condition_tree",
                                     "gateway/event_condition",
                                     "gateway/field_value",
                                     "gateway/topic_index",
                                     "gateway/byte_cursor",
                                     "gateway/binary_item",
                                     "gateway/binary_payload",
                                     "gateway/cbor_item",
                                     "gateway/message_pack_item",
                                     "gateway/sample_window",
                                     "gateway/sample_ring",
                                     "gateway/sample_summary",
                                     "gateway/window_function",
                                     "gateway/quantities",
                                     "gateway/suggestion",
                                     "gateway/fingerprint",
                                     "gateway/binary_number",
                                     "gateway/alive_clock",
                                     "gateway/alert_state",
                                     "gateway/alert_document",
                                     "gateway/alert_writer",
                                     "gateway/recent_keys",
                                     "gateway/rule_program",
                                     "gateway/rule_mistakes",
                                     "gateway/rule_memory",
                                     "gateway/rule_reading",
                                     "gateway/rule",
                                     "gateway/rules",
                                     "gateway/histogram",
                                     "gateway/metrics_text"};

TEST_CASE("layers: the base includes nothing but itself and the standard library") {
  for (const Source& source : AllSources()) {
    if (!kBase.contains(Stem(source.path))) continue;
    for (const std::string& own : source.own) CHECK_MESSAGE(kBase.contains(Stem(own)), source.path, " includes ", own);
    for (const std::string& name : source.foreign)
      CHECK_MESSAGE((name.find('/') == std::string::npos || name == "tl/expected.hpp"), source.path, " includes ", name);
  }
}

TEST_CASE("layers: the pure files include the base and each other, no loop, log or library") {
  for (const Source& source : AllSources()) {
    if (!kPure.contains(Stem(source.path))) continue;
    for (const std::string& own : source.own) {
      CHECK_MESSAGE((kBase.contains(Stem(own)) || kPure.contains(Stem(own))), source.path, " includes ", own);
    }
    for (const std::string& name : source.foreign) {
      if (name == "simdjson.h" && source.path == "gateway/payload_fields.cc") continue;
      if (name == "sqlite3.h" && source.path == "gateway/condition.cc") continue;
      if (name == "nlohmann/json.hpp" && source.path == "gateway/alert_document.cc") continue;
      CHECK_MESSAGE(name.find_first_of("/.") == std::string::npos, source.path, " includes ", name);
    }
  }
}

TEST_CASE("layers: the store knows neither the loop nor a driver") {
  for (const Source& source : AllSources()) {
    if (!StartsWith(source.path, "store/")) continue;
    for (const std::string& own : source.own) {
      CHECK_MESSAGE((!StartsWith(own, "drivers/") && own != "gateway/loop.h" && own != "gateway/inbox.h"), source.path, " includes ", own);
    }
    for (const std::string& name : source.foreign) CHECK_MESSAGE(name != "uv.h", source.path);
  }
}

TEST_CASE("layers: drivers do not know the store; nobody but the composition knows the drivers") {
  for (const Source& source : AllSources()) {
    const bool is_driver = StartsWith(source.path, "drivers/");
    for (const std::string& own : source.own) {
      if (is_driver) CHECK_MESSAGE(!StartsWith(own, "store/"), source.path, " includes ", own);
      if (!is_driver && !kComposition.contains(Stem(source.path)))
        CHECK_MESSAGE(!StartsWith(own, "drivers/"), source.path, " includes ", own);
    }
  }
}

TEST_CASE("layers: one outside system does not know another") {
  const std::vector<std::vector<const char*>> systems = {
      {"drivers/mqtt", "drivers/ack_gate", "drivers/gate_", "drivers/broker_dialer", "drivers/connect_request"},
      {"drivers/kafka", "drivers/msk_"},
      {"drivers/file_sink", "drivers/line_file"},
      {"drivers/kinesis"}};
  const auto system_of = [&](const std::string& path) {
    for (std::size_t i = 0; i < systems.size(); ++i) {
      for (const char* prefix : systems[i]) {
        if (StartsWith(path, prefix)) return static_cast<int>(i);
      }
    }
    return -1;
  };
  for (const Source& source : AllSources()) {
    const int mine = system_of(source.path);
    for (const std::string& own : source.own) {
      if (mine >= 0 && system_of(own) >= 0) CHECK_MESSAGE(system_of(own) == mine, source.path, " includes ", own);
    }
  }
}

TEST_CASE("layers: what drivers share knows no outside system but its own: HTTP no AWS, AWS no sink") {
  for (const Source& source : AllSources()) {
    const bool http = StartsWith(source.path, "drivers/http_");
    const bool aws = StartsWith(source.path, "drivers/aws_");
    for (const std::string& own : source.own) {
      if (http) CHECK_MESSAGE(!StartsWith(own, "drivers/aws_"), source.path, " includes ", own);
      if (http || aws) CHECK_MESSAGE(!StartsWith(own, "drivers/kinesis"), source.path, " includes ", own);
    }
  }
}

TEST_CASE("layers: client libraries appear in one driver's files, and Paho in one header, which only its clients include") {
  const std::set<std::string> paho = {"drivers/mqtt_paho", "drivers/mqtt_client", "drivers/mqtt_publisher"};
  for (const Source& source : AllSources()) {
    for (const std::string& own : source.own) {
      if (own == "drivers/mqtt_paho.h") CHECK_MESSAGE((paho.contains(Stem(source.path)) && source.path.back() == 'c'), source.path);
    }
    for (const std::string& name : source.foreign) {
      if (StartsWith(name, "mqtt/"))
        CHECK_MESSAGE((source.path == "drivers/mqtt_paho.h" || source.path == "drivers/mqtt_client.cc"), source.path);
      if (StartsWith(name, "librdkafka/")) CHECK_MESSAGE(StartsWith(source.path, "drivers/kafka_"), source.path);
      if (name == "simdjson.h") CHECK_MESSAGE(source.path == "gateway/payload_fields.cc", source.path);
      if (StartsWith(name, "curl/")) {
        CHECK_MESSAGE((StartsWith(source.path, "drivers/http_") && source.path.ends_with(".cc")), source.path);
      }
      if (name == "microhttpd.h") {
        CHECK_MESSAGE((Stem(source.path) == "gateway/http_server" || Stem(source.path) == "gateway/http_exchange"), source.path);
      }
      if (name == "sqlite3.h") CHECK_MESSAGE((source.path == "store/sqlite.cc" || source.path == "gateway/condition.cc"), source.path);
    }
  }
}

}  // namespace
