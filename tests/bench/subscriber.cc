// subscriber PORT COUNT [DATABASE]: a bare Eclipse Paho C++ subscriber (MQTT 5, Receive Maximum 1000, QoS 1) that only counts: the floor of
// what any program on this library costs. With DATABASE, each message is committed to SQLite with an fsync within the callback, which is
// how to be durable before the acknowledgement without an ack gate. Prints "ready", and "done" after COUNT messages.
#include <mqtt/async_client.h>
#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace {

class OneByOne {
 public:
  explicit OneByOne(const char* path) {
    if (sqlite3_open(path, &database_) != SQLITE_OK) std::exit(1);
    Execute(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE row(seq INTEGER PRIMARY KEY, topic TEXT, payload BLOB)");
    sqlite3_prepare_v2(database_, "INSERT INTO row(topic, payload) VALUES(?1, ?2)", -1, &insert_, nullptr);
  }
  void Add(const mqtt::const_message_ptr& message) {
    const std::string& topic = message->get_topic();
    const mqtt::binary& payload = message->get_payload();
    sqlite3_bind_text(insert_, 1, topic.data(), static_cast<int>(topic.size()), SQLITE_STATIC);
    sqlite3_bind_blob(insert_, 2, payload.data(), static_cast<int>(payload.size()), SQLITE_STATIC);
    if (sqlite3_step(insert_) != SQLITE_DONE) std::exit(1);
    sqlite3_reset(insert_);
  }

 private:
  void Execute(const char* sql) {
    if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) std::exit(1);
  }
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const long count = std::atol(argv[2]);
  std::unique_ptr<OneByOne> store;
  if (argc > 3) store = std::make_unique<OneByOne>(argv[3]);
  mqtt::async_client client("tcp://127.0.0.1:" + std::string(argv[1]), "floor", mqtt::create_options(MQTTVERSION_5));
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  long seen = 0;
  client.set_message_callback([&](const mqtt::const_message_ptr& message) {
    if (store) store->Add(message);
    if (++seen != count) return;
    std::lock_guard lock(mutex);
    done = true;
    changed.notify_one();
  });
  mqtt::connect_options options;
  options.set_mqtt_version(MQTTVERSION_5);
  options.set_clean_start(true);
  mqtt::properties properties;
  properties.add({mqtt::property::RECEIVE_MAXIMUM, 1000});
  options.set_properties(properties);
  client.connect(options)->wait();
  client.subscribe("plant/#", 1)->wait();
  std::puts("ready");
  std::fflush(stdout);
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
  std::puts("done");
  std::fflush(stdout);
  std::getchar();  // Until it has been looked at.
  std::_Exit(0);
}
