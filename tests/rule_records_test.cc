#include "store/rule_records.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "store/outbox.h"
#include "store/space.h"
#include "store/store.h"
#include "tests/fault_vfs.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

using Kind = RuleRecord::Kind;

constexpr Bytes kLeastOutbox = 8u << 20;

RuleRecord State(const std::string& key, const std::string& data = "firing") {
  return {Kind::kState, "hot", key, data};
}

RuleRecord Memory(const std::string& key, const std::string& data = "windows") {
  return {Kind::kMemory, "hot", key, data};
}

Row MakeRow(Seq seq, std::size_t payload = 1) {
  Row row;
  row.seq = seq;
  row.previous = seq - 1;
  row.source = "local";
  row.destination = "plant";
  row.event.topic = "plant/a";
  row.event.payload.assign(payload, 'x');
  return row;
}

Batch Keeping(std::vector<RuleRecord> records) {
  Batch batch;
  batch.rule_records = std::move(records);
  return batch;
}

Batch WithRow(Seq seq, std::vector<RuleRecord> records, std::size_t payload = 1) {
  Batch batch = Keeping(std::move(records));
  batch.last_seq = seq;
  batch.appends.push_back({1, {MakeRow(seq, payload)}});
  batch.sources.push_back({.source = "local", .received = 1, .routed = 1});
  return batch;
}

Result<void> Commit(Outbox& outbox, Batch batch) {
  return outbox.Commit(batch);
}

std::vector<RuleRecord> RecordsOf(Outbox& outbox, std::uint64_t damaged = 0) {
  Result<RuleRecordRead> read = outbox.ReadRuleRecords();
  REQUIRE(read.has_value());
  CHECK(read->damaged == damaged);
  return std::move(read->records);
}

std::size_t CountRows(Outbox& outbox) {
  Result<LaneRead> read = outbox.Read(1, 0, 64u << 20);
  REQUIRE(read.has_value());
  return read->rows.size();
}

std::int64_t Commits(const Outbox& outbox) {
  return outbox.Counters().at("commits");
}

struct Fixture {
  TempDir dir;
  FaultVfs vfs;

  Outbox::Options Options(Bytes max_bytes = 64u << 20) const {
    Outbox::Options options;
    options.config.path = dir.Path("outbox.db");
    options.config.max_bytes = max_bytes;
    options.config.min_free_bytes = 0;
    options.lanes = {{"cloud", "normal"}};
    options.machine_id_file = dir.Write("machine-id", "here\n");
    options.vfs = vfs.name();
    return options;
  }
  Outbox Open(Bytes max_bytes = 64u << 20) const {
    Result<Outbox> outbox = Outbox::Open(Options(max_bytes));
    REQUIRE_MESSAGE(outbox.has_value(), (outbox ? "" : outbox.error().message));
    CHECK(outbox->set_aside().empty());
    return std::move(*outbox);
  }
  Outbox OpenAnew() const {
    for (const char* file : {"outbox.db", "outbox.db-wal"}) std::filesystem::remove(dir.Path(file));
    return Open();
  }
  /// The file as an operator's shell would change it.
  void Sql(const std::string& sql) const {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(dir.Path("outbox.db").c_str(), &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
  }
  Bytes UsedBytes() const {
    Bytes bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir.Path(""))) {
      if (entry.path().filename().string().starts_with("outbox.db")) bytes += entry.file_size();
    }
    return bytes;
  }
};

TEST_CASE_FIXTURE(Fixture, "rule records: the last one of a kind, rule and key is there after a reopen, byte for byte") {
  const RuleRecord odd{Kind::kState, "pl\xc3\xa9'\";--", std::string("k\0y\xff", 4), std::string("\0\xff\r\n", 4)};
  const RuleRecord nameless{Kind::kMemory, "hot", "", "d"};
  const RuleRecord large = Memory("large", std::string(150'000, 'w'));
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, WithRow(1, {State("a", "pending"), odd, State("a")})).has_value());
    REQUIRE(Commit(outbox, WithRow(2, {Memory("a"), nameless, Memory("large", "small"), large, {Kind::kState, "cold", "a", "x"}})));
  }
  Outbox outbox = Open();
  const std::vector<RuleRecord> records = RecordsOf(outbox);
  CHECK(records.size() == 6);
  for (const RuleRecord& expected : {State("a"), odd, Memory("a"), nameless, large, RuleRecord{Kind::kState, "cold", "a", "x"}}) {
    CHECK(std::count(records.begin(), records.end(), expected) == 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "rule records: one without data deletes what was kept of its key, and of no other") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Keeping({State("a"), State("b"), Memory("a"), Memory("b")})).has_value());
  REQUIRE(Commit(outbox, Keeping({State("a", ""), Memory("b", ""), Memory("never there", "")})).has_value());
  CHECK(RecordsOf(outbox) == std::vector<RuleRecord>{State("b"), Memory("a")});
}

TEST_CASE_FIXTURE(Fixture, "rule records: kept with the rows of their batch or not at all, whatever fails, and never lost by it") {
  for (const auto fault : {FaultVfs::Fault::kSyncFails, FaultVfs::Fault::kWriteFails, FaultVfs::Fault::kDiskFull}) {
    for (int passes = 0; passes < 12; ++passes) {
      CAPTURE(passes);
      std::optional<Outbox> outbox(OpenAnew());
      REQUIRE(Commit(*outbox, WithRow(1, {State("a", "pending")})).has_value());
      const Batch batch = WithRow(2, {State("a"), State("b"), Memory("a", std::string(30'000, 'm'))});
      vfs.Fail(fault, passes, 1000);
      const Result<void> done = Commit(*outbox, batch);
      vfs.Heal();
      // As after a crash: what is in the file is all that is left.
      outbox.reset();
      outbox.emplace(Open());
      const bool is_there = CountRows(*outbox) == 2;
      if (done) CHECK(is_there);
      CHECK(RecordsOf(*outbox) == (is_there ? batch.rule_records : std::vector<RuleRecord>{State("a", "pending")}));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "rule records: after a commit of unknown outcome the batch is tried again, and is there once with its records") {
  for (int first = 0; first < 8; ++first) {
    for (int second = 0; second < 6; ++second) {
      CAPTURE(first);
      CAPTURE(second);
      Outbox outbox = OpenAnew();
      REQUIRE(Commit(outbox, WithRow(1, {State("a", "pending")})).has_value());
      const Batch batch = WithRow(2, {State("a"), Memory("a")});
      vfs.Fail(FaultVfs::Fault::kSyncFails, first, 3);
      Result<void> done = Commit(outbox, batch);
      vfs.Fail(FaultVfs::Fault::kWriteFails, second, 1);
      for (int tries = 0; !done && tries < 6; ++tries) done = Commit(outbox, batch);
      vfs.Heal();
      REQUIRE(done.has_value());
      CHECK(CountRows(outbox) == 2);
      CHECK(RecordsOf(outbox) == batch.rule_records);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "rule records: a batch of records alone that failed is not taken for the rows that come next, nor they for it") {
  for (int passes = 0; passes < 6; ++passes) {
    CAPTURE(passes);
    Outbox outbox = OpenAnew();
    REQUIRE(Commit(outbox, WithRow(1, {State("a", "pending")})).has_value());
    vfs.Fail(FaultVfs::Fault::kSyncFails, passes, 2);
    const Result<void> done = Commit(outbox, Keeping({Memory("a")}));
    vfs.Heal();
    REQUIRE(Commit(outbox, WithRow(2, {State("a")})).has_value());
    if (!done) REQUIRE(Commit(outbox, Keeping({Memory("a")})).has_value());
    CHECK(CountRows(outbox) == 2);
    CHECK(RecordsOf(outbox) == std::vector<RuleRecord>{State("a"), Memory("a")});
  }
}

TEST_CASE_FIXTURE(Fixture, "rule records: one whose bytes changed on the disk is counted and left out, and is whole when it is kept anew") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Keeping({State("a"), State("b"), State("c"), Memory("a"), Memory("b"), Memory("c")})).has_value());
  }
  Sql("UPDATE rule_state SET data = CAST('Firing' AS BLOB) WHERE key = CAST('a' AS BLOB);"
      "UPDATE rule_state SET key = CAST('d' AS BLOB) WHERE key = CAST('b' AS BLOB);"
      "UPDATE rule_memory SET crc = crc + 1 WHERE key = CAST('a' AS BLOB);"
      "UPDATE rule_memory SET rule = 'cold' WHERE key = CAST('b' AS BLOB);"
      "INSERT INTO rule_memory SELECT rule, key || 'x', crc, data FROM rule_state");
  {
    Outbox outbox = Open();
    CHECK(RecordsOf(outbox, 7) == std::vector<RuleRecord>{State("c"), Memory("c")});
    REQUIRE(Commit(outbox, Keeping({State("a"), State("d"), Memory("a", "")})).has_value());
  }
  Outbox outbox = Open();
  CHECK(RecordsOf(outbox, 4) == std::vector<RuleRecord>{State("a"), State("c"), State("d"), Memory("c")});
}

TEST_CASE_FIXTURE(Fixture, "rule records: a table that cannot be read is no reason not to start with the backlog and the other table") {
  std::int64_t root = 0;
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, WithRow(1, {State("a"), Memory("a")})).has_value());
    outbox.Close();
  }
  {
    Result<Sqlite> database = Sqlite::Open(dir.Path("outbox.db"), nullptr);
    REQUIRE(database.has_value());
    root = *database->QueryInt("SELECT rootpage FROM sqlite_schema WHERE name = 'rule_memory'");
  }
  {
    std::fstream file(dir.Path("outbox.db"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((root - 1) * 4096);
    file << std::string(4096, '\x55');
  }
  Outbox outbox = Open();
  CHECK(RecordsOf(outbox, 1) == std::vector<RuleRecord>{State("a")});
  CHECK(CountRows(outbox) == 1);
}

TEST_CASE_FIXTURE(Fixture, "rule records: a file of format 1.1, which had none, is opened with its backlog and keeps them from then on") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, WithRow(1, {})).has_value());
    outbox.Close();
  }
  Sql("DROP TABLE rule_state; DROP TABLE rule_memory; UPDATE meta SET value = 1 WHERE name = 'format_minor'");
  {
    Outbox outbox = Open();
    CHECK(RecordsOf(outbox).empty());
    REQUIRE(Commit(outbox, WithRow(2, {State("a"), Memory("a")})).has_value());
  }
  Outbox outbox = Open();
  CHECK(CountRows(outbox) == 2);
  CHECK(RecordsOf(outbox).size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "outbox: on a full disk a file of an older version is completed in the room of the ballast") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, WithRow(1, {})).has_value());
    outbox.Close();
  }
  Sql("DROP TABLE rule_state; DROP TABLE rule_memory");
  vfs.Fail(FaultVfs::Fault::kDiskFull, 0, 1);
  Outbox outbox = Open();
  CHECK(vfs.failures() == 1);
  CHECK(CountRows(outbox) == 1);
  CHECK(Commit(outbox, Keeping({State("a")})).has_value());
}

TEST_CASE_FIXTURE(Fixture, "rule records: when a damaged file is set aside there are none, and new ones are kept") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Keeping({State("a"), Memory("a")})).has_value());
  }
  dir.Write("outbox.db", std::string(100'000, 'x'));
  Result<Outbox> outbox = Outbox::Open(Options());
  REQUIRE(outbox.has_value());
  CHECK_FALSE(outbox->set_aside().empty());
  CHECK(RecordsOf(*outbox).empty());
  REQUIRE(Commit(*outbox, Keeping({State("b")})).has_value());
  CHECK(RecordsOf(*outbox) == std::vector<RuleRecord>{State("b")});
}

TEST_CASE_FIXTURE(Fixture, "rule records: those without rows have room when rows have none, those that go have room always") {
  Outbox outbox = Open(kLeastOutbox);
  REQUIRE(Commit(outbox, Keeping({State("a"), Memory("a")})).has_value());
  Seq seq = 0;
  while (Commit(outbox, WithRow(seq + 1, {}, 10'000)).has_value()) ++seq;
  CHECK_FALSE(Commit(outbox, WithRow(seq + 1, {State("b")}, 10'000)).has_value());
  REQUIRE(Commit(outbox, Keeping({State("b"), Memory("b", std::string(60'000, 'm'))})).has_value());
  CHECK(RecordsOf(outbox).size() == 4);
  Result<void> done;
  for (int i = 0; done && i < 100; ++i) done = Commit(outbox, Keeping({Memory("more" + std::to_string(i), std::string(60'000, 'm'))}));
  REQUIRE(!done);
  CHECK(done.error().code == ErrorCode::kFull);
  CHECK(Commit(outbox, Keeping({State("a", ""), State("b", ""), Memory("b", "")})).has_value());
  Batch settle;
  settle.last_seq = seq;
  settle.settles.push_back({1, seq});
  REQUIRE(Commit(outbox, settle).has_value());
  CHECK(Commit(outbox, WithRow(seq + 1, {State("b")})).has_value());
}

TEST_CASE_FIXTURE(Fixture, "rule records: what is kept as it is to be is not written again") {
  Outbox outbox = Open();
  const std::vector<RuleRecord> records = {State("a"), Memory("a", std::string(200'000, 'm'))};
  REQUIRE(Commit(outbox, Keeping(records)).has_value());
  const Bytes before = UsedBytes();
  for (int i = 0; i < 5; ++i) REQUIRE(Commit(outbox, Keeping(records)).has_value());
  CHECK(UsedBytes() < before + 150'000);
}

std::string KeyOf(std::size_t number) {
  return "plant/line/sensor/" + std::to_string(number);
}

// As many as fit 256 KiB, of random keys: each on a page of its own.
std::vector<RuleRecord> DrawRecords(std::mt19937& random, std::size_t size, std::size_t keys) {
  std::map<std::tuple<Kind, std::string>, RuleRecord> drawn;
  for (Bytes bytes = 0; bytes + size < 256u << 10; bytes += size + 40) {
    RuleRecord record = random() % 2 == 0 ? State("") : Memory("");
    record.key = KeyOf(random() % keys);
    record.data.assign(size, static_cast<char>(random()));
    drawn[{record.kind, record.key}] = record;
  }
  std::vector<RuleRecord> records;
  for (auto& [name, record] : drawn) records.push_back(std::move(record));
  std::shuffle(records.begin(), records.end(), random);
  return records;
}

std::map<std::tuple<Kind, std::string>, std::string> ByKey(const std::vector<RuleRecord>& records) {
  std::map<std::tuple<Kind, std::string>, std::string> by_key;
  for (const RuleRecord& record : records) by_key[{record.kind, record.key}] = record.data;
  return by_key;
}

struct Crowd {
  Bytes max;
  std::size_t keys;
  std::size_t size;
};

TEST_CASE_FIXTURE(Fixture,
                  "rule records: the files stay within max_bytes, with checkpoints of 256 KiB in records of any size and anywhere") {
  for (const Crowd& crowd : {Crowd{kLeastOutbox, 8'000, 20}, Crowd{kLeastOutbox, 2'000, 300}, Crowd{kLeastOutbox, 10, 60'000},
                             Crowd{128u << 20, 50'000, 60}, Crowd{128u << 20, 50'000, 200}}) {
    CAPTURE(crowd.max);
    CAPTURE(crowd.size);
    for (const char* file : {"outbox.db", "outbox.db-wal", "outbox.db-ballast"}) std::filesystem::remove(dir.Path(file));
    Outbox outbox = Open(crowd.max);
    std::mt19937 random(5);
    for (std::size_t key = 0; key < crowd.keys; key += crowd.keys / 10) {
      Batch all;
      for (std::size_t i = key; i < key + crowd.keys / 10; ++i) {
        all.rule_records.push_back(State(KeyOf(i), std::string(crowd.size, 's')));
        all.rule_records.push_back(Memory(KeyOf(i), std::string(crowd.size, 'm')));
      }
      REQUIRE(Commit(outbox, all).has_value());
    }
    auto model = ByKey(RecordsOf(outbox));
    for (Seq seq = 1; seq <= 30; ++seq) {
      Batch batch = Keeping(DrawRecords(random, crowd.size, crowd.keys));
      if (seq % 3 == 0) {
        batch.rule_records.resize(std::min<std::size_t>(batch.rule_records.size(), 500));
        const std::vector<RuleRecord> records = std::move(batch.rule_records);
        batch = WithRow(seq, records, 100'000);
        batch.settles.push_back({1, seq - 1});
      }
      batch.last_seq = seq;
      REQUIRE(Commit(outbox, batch).has_value());
      REQUIRE(UsedBytes() <= crowd.max);
      REQUIRE(std::filesystem::file_size(dir.Path("outbox.db-wal")) <= DivideSpace(crowd.max).wal);
      for (const auto& [name, data] : ByKey(batch.rule_records)) model[name] = data;
    }
    CHECK(ByKey(RecordsOf(outbox)) == model);
  }
}

TEST_CASE_FIXTURE(Fixture, "rule records: a checkpoint of 256 KiB in few records is one transaction") {
  Outbox outbox = Open();
  std::vector<RuleRecord> records;
  for (int i = 0; i < 200; ++i) records.push_back(Memory("sensor/" + std::to_string(i), std::string(1'200, 'm')));
  REQUIRE(Commit(outbox, Keeping(records)).has_value());
  CHECK(Commits(outbox) == 1);
}

TEST_CASE_FIXTURE(Fixture, "rule records: a hundred thousand are read again, and how long that takes is told") {
  constexpr int kRecords = 100'000;
  {
    Outbox outbox = Open();
    std::vector<RuleRecord> records;
    for (int i = 0; i < kRecords; ++i) {
      const std::string key = KeyOf(static_cast<std::size_t>(i));
      records.push_back(i % 2 == 0 ? State(key) : Memory(key, std::string(100, 'm')));
      if (records.size() == 1'000) REQUIRE(Commit(outbox, Keeping(std::exchange(records, {}))).has_value());
    }
    outbox.Close();
  }
  const auto start = std::chrono::steady_clock::now();
  Outbox outbox = Open();
  CHECK(RecordsOf(outbox).size() == kRecords);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  MESSAGE(took.count() << " ms");
}

TEST_CASE_FIXTURE(Fixture, "rule records: the store gives what was kept when it was opened, once") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Keeping({State("a"), State("b"), Memory("a")})).has_value());
  }
  Sql("UPDATE rule_state SET crc = 0 WHERE key = CAST('b' AS BLOB)");
  Result<std::unique_ptr<Store>> store = Store::Open(Options(), [](const std::function<void()>&) {});
  REQUIRE(store.has_value());
  CHECK((*store)->damaged_rule_records() == 1);
  CHECK((*store)->TakeRuleRecords() == std::vector<RuleRecord>{State("a"), Memory("a")});
  CHECK((*store)->TakeRuleRecords().empty());
}

}  // namespace
}  // namespace sluice
