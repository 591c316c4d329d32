#include "store/outbox.h"

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "gateway/own_event.h"
#include "store/row_codec.h"
#include "tests/fault_vfs.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

Row MakeRow(Seq seq, std::string payload = "p") {
  Row row;
  row.seq = seq;
  row.previous = seq - 1;
  row.source = "local";
  row.destination = "plant";
  row.event.topic = "plant/a";
  row.event.payload = std::move(payload);
  row.event.received = WallTime(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  row.event.qos = 1;
  return row;
}

Batch Appending(std::vector<Row> rows, LaneId lane = 1) {
  Batch batch;
  batch.last_seq = rows.back().seq;
  batch.sources.push_back({.source = "local", .received = rows.size(), .routed = rows.size()});
  batch.appends.push_back({lane, std::move(rows)});
  return batch;
}

Batch Settling(Seq through, LaneId lane = 1) {
  Batch batch;
  batch.last_seq = through;
  batch.settles.push_back({lane, through});
  return batch;
}

struct Fixture {
  TempDir dir;
  FaultVfs vfs;

  Outbox::Options Options(Bytes max_bytes = 64u << 20) const {
    Outbox::Options options;
    options.config.path = dir.Path("outbox.db");
    options.config.max_bytes = max_bytes;
    options.config.min_free_bytes = 0;
    options.lanes = {{"cloud", "normal"}, {"copy", "normal"}};
    options.machine_id_file = dir.Write("machine-id", "here\n");
    options.vfs = vfs.name();
    return options;
  }
  Outbox Open(Bytes max_bytes = 64u << 20) const {
    Result<Outbox> outbox = Outbox::Open(Options(max_bytes));
    REQUIRE_MESSAGE(outbox.has_value(), (outbox ? "" : outbox.error().message));
    return std::move(*outbox);
  }
  /// The file as an operator's shell would change it.
  void Sql(const std::string& sql) const {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(dir.Path("outbox.db").c_str(), &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
  }
};

Result<void> Commit(Outbox& outbox, Batch batch) {
  return outbox.Commit(batch);
}

std::vector<Row> RowsOf(Outbox& outbox, LaneId lane = 1) {
  std::vector<Row> rows;
  for (Seq after = 0;;) {
    Result<LaneRead> read = outbox.Read(lane, after, 64u << 10);
    REQUIRE(read.has_value());
    for (Row& row : read->rows) rows.push_back(std::move(row));
    if (read->end) return rows;
    after = rows.back().seq;
  }
}

std::int64_t Count(const Outbox& outbox, const std::string& name) {
  const auto counters = outbox.Counters();
  const auto it = counters.find(name);
  return it == counters.end() ? 0 : it->second;
}

TEST_CASE_FIXTURE(Fixture, "outbox: what was committed is there after a reopen, byte for byte") {
  Row odd = MakeRow(1, std::string("\0\xff\r\n\xf0\x28", 6));
  odd.previous = 0;
  odd.key = std::string("k\0y", 3);
  odd.event.topic = "plant/\xc3\xa9/'\";--";
  odd.event.content_type = "application/cbor";
  odd.event.properties = {{"trace", "1"}, {"", ""}, {"trace", "2"}};
  odd.event.expiry = std::chrono::seconds(3600);
  odd.event.retained = true;
  odd.event.duplicate = true;
  odd.event.qos = 2;
  odd.retain = true;
  Row empty = MakeRow(2, "");
  empty.key = "";
  empty.bare = true;
  Row large = MakeRow(3, std::string(700'000, 'x'));
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Appending({odd, empty, large})).has_value());
    outbox.Close();
  }
  Outbox outbox = Open();
  const std::vector<Row> rows = RowsOf(outbox);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].event.payload == odd.event.payload);
  CHECK(rows[0].event.topic == odd.event.topic);
  CHECK(rows[0].key == odd.key);
  CHECK(rows[0].event.content_type == odd.event.content_type);
  CHECK(rows[0].event.properties == odd.event.properties);
  CHECK(rows[0].event.expiry == odd.event.expiry);
  CHECK(rows[0].event.received == odd.event.received);
  CHECK(rows[0].event.retained);
  CHECK(rows[0].event.duplicate);
  CHECK(rows[0].event.qos == 2);
  CHECK(rows[0].previous == 0);
  CHECK(rows[0].retain);
  CHECK(!rows[0].bare);
  CHECK(!rows[1].retain);
  CHECK(rows[1].bare);
  CHECK(rows[1].previous == 1);
  CHECK(rows[1].event.payload.empty());
  CHECK(rows[1].key == std::string());
  CHECK(!rows[2].key.has_value());
  CHECK(rows[2].event.payload == large.event.payload);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a settled event is never read again, and its seq is never given again") {
  std::string id;
  {
    Outbox outbox = Open();
    id = outbox.id();
    REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2), MakeRow(3)})).has_value());
    REQUIRE(Commit(outbox, Settling(3)).has_value());
  }
  Outbox outbox = Open();
  CHECK(RowsOf(outbox).empty());
  CHECK(outbox.last_seq() == 3);
  CHECK(outbox.lanes()[0].last_seq == 3);
  CHECK(outbox.lanes()[0].pending_events == 0);
  CHECK(outbox.lanes()[0].pending_bytes == 0);
  CHECK(outbox.id() == id);
}

TEST_CASE_FIXTURE(Fixture, "outbox: lanes are apart, and the ledger adds up for each") {
  Outbox outbox = Open();
  Batch both = Appending({MakeRow(1), MakeRow(2)});
  both.appends.push_back({2, {MakeRow(2)}});
  both.sources[0] = {.source = "local",
                     .received = 6,
                     .routed = 2,
                     .unrouted = 1,
                     .duplicate = 1,
                     .too_large = 1,
                     .retained = 1,
                     .unprotected = 2,
                     .redelivered = 3};
  REQUIRE(Commit(outbox, both).has_value());
  REQUIRE(Commit(outbox, Settling(1)).has_value());
  CHECK(RowsOf(outbox, 1).size() == 1);
  CHECK(RowsOf(outbox, 2).size() == 1);
  CHECK(Count(outbox, "lane/1/in") == 2);
  CHECK(Count(outbox, "lane/1/delivered") == 1);
  CHECK(Count(outbox, "lane/1/pending") == 1);
  CHECK(Count(outbox, "lane/2/in") == 1);
  CHECK(Count(outbox, "source/local/received") == 6);
  CHECK(Count(outbox, "source/local/routed") == 2);
  CHECK(Count(outbox, "source/local/unrouted") == 1);
  CHECK(Count(outbox, "source/local/duplicate") == 1);
  CHECK(Count(outbox, "source/local/refused/too_large") == 1);
  CHECK(Count(outbox, "source/local/refused/retained") == 1);
  CHECK(Count(outbox, "source/local/unprotected") == 2);
  CHECK(Count(outbox, "source/local/redelivered") == 3);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a dead letter keeps its event and is not counted as delivered") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2, "poison"), MakeRow(3)})).has_value());
  Batch batch = Settling(2);
  batch.dead_letters.push_back({1, 2, "too large", 3, WallTime{}});
  REQUIRE(Commit(outbox, batch).has_value());
  CHECK(RowsOf(outbox).size() == 1);
  CHECK(Count(outbox, "lane/1/delivered") == 1);
  CHECK(Count(outbox, "lane/1/dead_lettered") == 1);
  CHECK(Count(outbox, "lane/1/pending") == 1);
  outbox.Close();
  Sql("CREATE TABLE seen AS SELECT CASE WHEN (SELECT count(*) FROM dead_letter WHERE seq = 2 AND reason = 'too large' AND attempts = 3 AND"
      " payload = CAST('poison' AS BLOB)) = 1 THEN 1 ELSE abs('no') / 0 END AS x");
}

TEST_CASE_FIXTURE(Fixture, "outbox: a misfit is a dead letter from the start: counted, whole, never read, and no end of its lane") {
  Batch batch = Appending({MakeRow(1), MakeRow(3)});
  Row row = MakeRow(2, "odd");
  row.key = "k";
  row.destination = "";
  batch.misfits.push_back({1, row, "the topic is empty"});
  batch.misfits.push_back({2, row, "no payload field `x`"});
  batch.last_seq = 4;
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, batch).has_value());
    CHECK(RowsOf(outbox).size() == 2);
    CHECK(RowsOf(outbox, 2).empty());
    CHECK(Count(outbox, "lane/1/in") == 3);
    CHECK(Count(outbox, "lane/1/pending") == 2);
    CHECK(Count(outbox, "lane/1/dead_lettered") == 1);
    CHECK(Count(outbox, "lane/2/in") == 1);
    CHECK(Count(outbox, "lane/2/pending") == 0);
    CHECK(Count(outbox, "lane/2/dead_lettered") == 1);
    REQUIRE(Commit(outbox, Settling(3)).has_value());
    CHECK(Count(outbox, "lane/1/delivered") == 2);
  }
  Sql("CREATE TABLE seen AS SELECT CASE WHEN (SELECT count(*) FROM dead_letter WHERE seq = 2 AND attempts = 0 AND key = CAST('k' AS BLOB)"
      " AND payload = CAST('odd' AS BLOB) AND at = 1700000000123456789"
      " AND reason = CASE lane WHEN 1 THEN 'the topic is empty' ELSE 'no payload field `x`' END) = 2 THEN 1 ELSE abs('no') / 0 END AS x");
  Outbox outbox = Open();
  CHECK(outbox.lanes()[0].last_seq == 3);
  CHECK(outbox.lanes()[1].last_seq == 0);
}

TEST_CASE_FIXTURE(Fixture, "outbox: misfits leave the room that settling and dead letters need, as rows do") {
  Outbox outbox = Open(8u << 20);
  Seq seq = 1;
  Result<void> done = Commit(outbox, Appending({MakeRow(seq, std::string(100'000, 'x'))}));
  while (done && seq < 100'000) {
    Batch batch;
    batch.last_seq = seq + 1;
    batch.misfits.push_back({1, MakeRow(++seq, std::string(100'000, 'x')), "no"});
    done = Commit(outbox, batch);
  }
  REQUIRE(!done);
  CHECK(done.error().code == ErrorCode::kFull);
  CHECK(Count(outbox, "lane/1/dead_lettered") == static_cast<std::int64_t>(seq - 2));
  Batch refused = Settling(1);
  refused.dead_letters.push_back({1, 1, "refused", 1, WallTime{}});
  CHECK(Commit(outbox, refused).has_value());
}

Batch SettingAside(std::vector<Seq> seqs, WallTime when = WallTime(std::chrono::hours(24 * 365 * 50))) {
  Batch batch;
  for (const Seq seq : seqs) batch.dead_letters.push_back({1, seq, "refused", 2, when});
  return batch;
}

Batch Replaying(std::vector<Seq> seqs) {
  Batch batch;
  batch.replays.push_back({1, std::move(seqs)});
  return batch;
}

std::vector<KeptLetter> LettersOf(Outbox& outbox, bool with_payload = true) {
  Result<LetterPage> page = outbox.ReadLetters({1, 0, 100'000, 1u << 30, with_payload});
  REQUIRE(page.has_value());
  CHECK(page->end);
  return std::move(page->letters);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a replayed letter is a row again, with its seq and its bytes, after a crash too") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2, "poison"), MakeRow(3)})).has_value());
    REQUIRE(Commit(outbox, SettingAside({2})).has_value());
    REQUIRE(Commit(outbox, Settling(3)).has_value());
    REQUIRE(Commit(outbox, Replaying({2})).has_value());
    // Again, as after a commit of unknown outcome.
    REQUIRE(Commit(outbox, Replaying({2, 9})).has_value());
  }
  Outbox outbox = Open();
  const std::vector<Row> rows = RowsOf(outbox);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].seq == 2);
  CHECK(rows[0].event.payload == "poison");
  CHECK(outbox.lanes()[0].pending_events == 1);
  CHECK(Count(outbox, "lane/1/in") == 3);
  CHECK(Count(outbox, "lane/1/delivered") == 2);
  CHECK(Count(outbox, "lane/1/dead_lettered") == 0);
  CHECK(Count(outbox, "lane/1/dead_letters_replayed") == 1);
  CHECK(Count(outbox, "dead_letters_bytes") == 0);
  REQUIRE(Commit(outbox, Settling(3)).has_value());
  CHECK(Count(outbox, "lane/1/pending_bytes") == 0);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a replayed letter that is refused again counts its attempts on") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Appending({MakeRow(1)})).has_value());
  for (std::uint32_t round = 1; round <= 3; ++round) {
    REQUIRE(Commit(outbox, SettingAside({1})).has_value());
    REQUIRE(LettersOf(outbox).size() == 1);
    CHECK(LettersOf(outbox)[0].letter.attempts == 2 * round);
    REQUIRE(Commit(outbox, Replaying({1})).has_value());
  }
}

TEST_CASE_FIXTURE(Fixture, "outbox: letters are read in pages, with their payloads if asked; a damaged one is told as such") {
  {
    Outbox outbox = Open();
    std::vector<Row> rows;
    std::vector<Seq> seqs;
    for (Seq seq = 1; seq <= 10; ++seq) {
      rows.push_back(MakeRow(seq, std::string(100, static_cast<char>('a' + seq))));
      seqs.push_back(seq);
    }
    REQUIRE(Commit(outbox, Appending(rows)).has_value());
    REQUIRE(Commit(outbox, SettingAside(seqs)).has_value());
    Result<LetterPage> page = outbox.ReadLetters({1, 4, 3, 1u << 20, false});
    REQUIRE(page.has_value());
    REQUIRE(page->letters.size() == 3);
    CHECK(page->letters[0].letter.seq == 5);
    CHECK(page->letters[0].payload_bytes == 100);
    CHECK(page->letters[0].row.event.topic == "plant/a");
    CHECK(page->letters[0].row.event.payload.empty());
    CHECK_FALSE(page->end);
    page = outbox.ReadLetters({1, 0, 100, 250, true});
    REQUIRE(page.has_value());
    CHECK(page->letters.size() == 3);
    CHECK(outbox.ReadLetters({1, 10, 100, 250, true})->end);
  }
  Sql("UPDATE dead_letter SET payload = CAST('q' AS BLOB) WHERE seq = 2");
  Outbox outbox = Open();
  const std::vector<KeptLetter> letters = LettersOf(outbox);
  REQUIRE(letters.size() == 10);
  CHECK(letters[0].row.event.payload == std::string(100, 'b'));
  CHECK_FALSE(letters[0].damaged);
  CHECK(letters[1].damaged);
}

TEST_CASE_FIXTURE(Fixture, "outbox: purged letters are gone and counted") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2), MakeRow(3)})).has_value());
  REQUIRE(Commit(outbox, SettingAside({1, 2, 3})).has_value());
  CHECK(outbox.PurgeLetters(1, {1, 3, 4}).value() == 2);
  CHECK(outbox.PurgeLetters(1, {1}).value() == 0);
  CHECK(LettersOf(outbox).size() == 1);
  CHECK(Count(outbox, "lane/1/dead_lettered") == 3);
  CHECK(Count(outbox, "lane/1/dead_letters_purged") == 2);
  CHECK(outbox.PurgeLetters(1, {2}).value() == 1);
  CHECK(Count(outbox, "dead_letters_bytes") == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "outbox: when the letters are too many the oldest go at once, when they are too old they go when they are looked at") {
  using std::chrono::hours;
  Outbox::Options options = Options();
  options.config.dead_letters = {.max_bytes = 10'000, .max_age = hours(10)};
  Result<Outbox> outbox = Outbox::Open(options);
  REQUIRE(outbox.has_value());
  const WallTime start(hours(24 * 365 * 50));
  for (Seq seq = 1; seq <= 30; ++seq) {
    REQUIRE(Commit(*outbox, Appending({MakeRow(seq, std::string(1'000, 'x'))})).has_value());
    REQUIRE(Commit(*outbox, SettingAside({seq}, start + hours(seq) / 10)).has_value());
    CHECK(Count(*outbox, "dead_letters_bytes") <= 10'000);
  }
  std::vector<KeptLetter> letters = LettersOf(*outbox);
  REQUIRE(letters.size() > 5);
  CHECK(letters.back().letter.seq == 30);
  CHECK(Count(*outbox, "lane/1/dead_letters_expired") == 30 - static_cast<std::int64_t>(letters.size()));
  CHECK_FALSE(outbox->ExpireLetters(start + hours(9)).value());
  CHECK(LettersOf(*outbox).size() == letters.size());
  CHECK_FALSE(outbox->ExpireLetters(start + hours(14)).value());
  CHECK(LettersOf(*outbox).empty());
  CHECK(Count(*outbox, "lane/1/dead_letters_expired") == 30);
  CHECK(Count(*outbox, "lane/1/dead_lettered") == 30);
  CHECK(Count(*outbox, "dead_letters_bytes") == 0);
}

TEST_CASE_FIXTURE(Fixture, "outbox: misfits count among the letters' bytes, and the oldest letters go when misfits are too many") {
  Outbox::Options options = Options();
  options.config.dead_letters.max_bytes = 10'000;
  Result<Outbox> outbox = Outbox::Open(options);
  REQUIRE(outbox.has_value());
  REQUIRE(Commit(*outbox, Appending({MakeRow(1)})).has_value());
  REQUIRE(Commit(*outbox, SettingAside({1}, MakeRow(1).event.received)).has_value());
  for (Seq seq = 2; seq <= 30; ++seq) {
    Batch batch;
    batch.last_seq = seq;
    batch.misfits.push_back({1, MakeRow(seq, std::string(1'000, 'x')), "no payload field `x`"});
    REQUIRE(Commit(*outbox, batch).has_value());
    CHECK(Count(*outbox, "dead_letters_bytes") <= 10'000);
  }
  const std::vector<KeptLetter> letters = LettersOf(*outbox);
  REQUIRE(letters.size() > 5);
  CHECK(letters.back().letter.seq == 30);
  CHECK(letters.back().letter.reason == "no payload field `x`");
  CHECK(letters.back().letter.attempts == 0);
  CHECK(letters.back().letter.when == MakeRow(30).event.received);
  CHECK_FALSE(letters.back().damaged);
  CHECK(Count(*outbox, "lane/1/in") == 30);
  CHECK(Count(*outbox, "lane/1/dead_lettered") == 30);
  CHECK(Count(*outbox, "lane/1/dead_letters_expired") == 30 - static_cast<std::int64_t>(letters.size()));
  std::vector<Seq> seqs;
  for (const KeptLetter& kept : letters) seqs.push_back(kept.letter.seq);
  CHECK(outbox->PurgeLetters(1, seqs).value() == seqs.size());
  CHECK(Count(*outbox, "dead_letters_bytes") == 0);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a file of a version that knew no replay is completed, and what its letters take is measured") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2)})).has_value());
    REQUIRE(Commit(outbox, SettingAside({1})).has_value());
  }
  Sql("ALTER TABLE lane_1 DROP COLUMN attempts; ALTER TABLE lane_2 DROP COLUMN attempts; DELETE FROM counter WHERE name = "
      "'dead_letters_bytes'");
  Outbox outbox = Open();
  CHECK(outbox.set_aside().empty());
  CHECK(RowsOf(outbox).size() == 1);
  CHECK(Count(outbox, "dead_letters_bytes") > 0);
  REQUIRE(Commit(outbox, Replaying({1})).has_value());
  CHECK(Count(outbox, "dead_letters_bytes") == 0);
  CHECK(RowsOf(outbox).size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "outbox: dead letters among many large rows that are settled at once stay dead letters") {
  Outbox outbox = Open();
  for (Seq seq = 1; seq <= 8; ++seq) REQUIRE(Commit(outbox, Appending({MakeRow(seq, std::string(1'500'000, 'x'))})).has_value());
  Batch batch = Settling(7);
  for (const Seq seq : {2, 3, 6}) batch.dead_letters.push_back({1, seq, "no", 1, WallTime{}});
  REQUIRE(Commit(outbox, batch).has_value());
  CHECK(Count(outbox, "lane/1/dead_lettered") == 3);
  CHECK(Count(outbox, "lane/1/delivered") == 4);
  CHECK(Count(outbox, "lane/1/pending") == 1);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a row whose content changed on the disk is told as damaged, never as a row") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2), MakeRow(3), MakeRow(4), MakeRow(5)})).has_value());
  }
  Sql("UPDATE lane_1 SET payload = CAST('q' AS BLOB) WHERE seq = 2; UPDATE lane_1 SET metadata = x'01' WHERE seq = 3;"
      "UPDATE lane_1 SET key = x'' WHERE seq = 4");
  Outbox outbox = Open();
  Result<LaneRead> read = outbox.Read(1, 0, 1u << 20);
  REQUIRE(read.has_value());
  CHECK(read->damaged == std::vector<Seq>{2, 3, 4});
  CHECK(read->rows.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a second process is refused and told who has the file") {
  Outbox outbox = Open();
  Result<Outbox> second = Outbox::Open(Options());
  REQUIRE(!second);
  CHECK(second.error().code == ErrorCode::kLocked);
  CHECK(second.error().message.find(std::to_string(getpid())) != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a damaged file, or one of a newer version, is set aside whole, and a new one is in use") {
  std::string id;
  {
    Outbox outbox = Open();
    id = outbox.id();
    REQUIRE(Commit(outbox, Appending({MakeRow(1)})).has_value());
  }
  SUBCASE("damaged") {
    dir.Write("outbox.db", std::string(100'000, 'x'));
  }
  SUBCASE("newer") {
    Sql("UPDATE meta SET value = 2 WHERE name = 'format_major'");
  }
  const auto size = std::filesystem::file_size(dir.Path("outbox.db"));
  Outbox outbox = Open();
  CHECK(outbox.set_aside() == dir.Path("outbox.db.set-aside-1"));
  CHECK(std::filesystem::file_size(outbox.set_aside()) == size);
  CHECK(outbox.id() != id);
  CHECK(RowsOf(outbox).empty());
  CHECK(Commit(outbox, Appending({MakeRow(1)})).has_value());
}

TEST_CASE_FIXTURE(Fixture, "outbox: a clone on another machine has the rows, but never repeats the ids of its original") {
  std::string id;
  {
    Outbox outbox = Open();
    id = outbox.id();
    REQUIRE(Commit(outbox, Appending({MakeRow(1)})).has_value());
  }
  Outbox::Options options = Options();
  options.machine_id_file = dir.Write("other-id", "elsewhere\n");
  Result<Outbox> outbox = Outbox::Open(options);
  REQUIRE(outbox.has_value());
  CHECK(outbox->id() != id);
  CHECK(RowsOf(*outbox).size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "outbox: the files never take more than max_bytes; at the cap settling still works and makes room") {
  constexpr Bytes kMax = 8u << 20;
  Outbox outbox = Open(kMax);
  const auto used = [&] {
    Bytes bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(dir.Path("outbox.db")).parent_path())) {
      if (entry.path().filename().string().starts_with("outbox.db")) bytes += entry.file_size();
    }
    return bytes;
  };
  Seq seq = 0;
  ErrorCode refused{};
  for (int batch = 0; batch < 10'000; ++batch) {
    std::vector<Row> rows;
    for (int i = 0; i < 20; ++i) rows.push_back(MakeRow(++seq, std::string(500, 'x')));
    Result<void> done = Commit(outbox, Appending(rows));
    CHECK(used() <= kMax);
    if (done) continue;
    refused = done.error().code;
    seq -= 20;
    break;
  }
  REQUIRE(refused == ErrorCode::kFull);
  CHECK(seq > 5'000);
  for (Seq through = 500; through < seq / 2; through += 500) {
    REQUIRE(Commit(outbox, Settling(through)).has_value());
    CHECK(used() <= kMax);
  }
  REQUIRE(Commit(outbox, Settling(seq / 2)).has_value());
  CHECK(Commit(outbox, Appending({MakeRow(seq + 1)})).has_value());
  CHECK(used() <= kMax);
  CHECK(RowsOf(outbox).size() == seq - seq / 2 + 1);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a failed fsync is never trusted: the file is opened again and written through before success is said") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Appending({MakeRow(1)})).has_value());
  const int opens = vfs.opens();
  const int syncs = vfs.syncs();
  vfs.Fail(FaultVfs::Fault::kSyncFails, 0, 1);
  const Batch batch = Appending({MakeRow(2)});
  Result<void> done = Commit(outbox, batch);
  if (!done) done = Commit(outbox, batch);
  REQUIRE(done.has_value());
  CHECK(vfs.failures() == 1);
  CHECK(vfs.opens() > opens);
  CHECK(vfs.syncs() > syncs);
  CHECK(RowsOf(outbox).size() == 2);
  CHECK(Count(outbox, "lane/1/in") == 2);
}

TEST_CASE_FIXTURE(Fixture, "outbox: while the disk fails nothing is said to be durable; when it is well again nothing is there twice") {
  for (const auto fault : {FaultVfs::Fault::kSyncFails, FaultVfs::Fault::kWriteFails, FaultVfs::Fault::kDiskFull}) {
    for (int passes = 0; passes < 12; ++passes) {
      std::filesystem::remove(dir.Path("outbox.db"));
      std::filesystem::remove(dir.Path("outbox.db-wal"));
      Outbox outbox = Open();
      REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2)})).has_value());
      Batch batch = Appending({MakeRow(3, std::string(30'000, 'y')), MakeRow(4)});
      batch.settles.push_back({1, 1});
      vfs.Fail(fault, passes, 1000);
      Result<void> done = Commit(outbox, batch);
      const bool failed = vfs.failures() > 0;
      vfs.Heal();
      if (failed && done) CHECK(RowsOf(outbox).size() == 3);  // A checkpoint failed, after the commit.
      if (!done) REQUIRE(Commit(outbox, batch).has_value());
      const std::vector<Row> rows = RowsOf(outbox);
      REQUIRE(rows.size() == 3);
      CHECK(rows.front().seq == 2);
      CHECK(Count(outbox, "lane/1/in") == 4);
      CHECK(Count(outbox, "lane/1/delivered") == 1);
      CHECK(Count(outbox, "lane/1/pending") == 3);
      CHECK(Count(outbox, "source/local/received") == 4);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "outbox: a disk that fails again while a commit of unknown outcome is found out jams nothing") {
  for (int first = 0; first < 12; ++first) {
    for (int second = 0; second < 8; ++second) {
      std::filesystem::remove(dir.Path("outbox.db"));
      std::filesystem::remove(dir.Path("outbox.db-wal"));
      Outbox outbox = Open();
      REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2)})).has_value());
      Batch batch = Appending({MakeRow(3), MakeRow(4)});
      batch.settles.push_back({1, 1});
      vfs.Fail(FaultVfs::Fault::kSyncFails, first, 3);
      Result<void> done = Commit(outbox, batch);
      vfs.Fail(FaultVfs::Fault::kWriteFails, second, 1);
      if (!done) done = Commit(outbox, batch);
      vfs.Heal();
      for (int tries = 0; !done && tries < 5; ++tries) done = Commit(outbox, batch);
      REQUIRE_MESSAGE(done.has_value(), first, " ", second, " ", (done ? "" : done.error().message));
      CHECK(RowsOf(outbox).size() == 3);
      CHECK(Count(outbox, "lane/1/in") == 4);
    }
  }
}

// A model of what the outbox promises: per lane an ordered map of rows, and sums.
struct Model {
  std::map<Seq, std::string> rows;
  std::map<Seq, std::string> dead;
  std::set<Seq> misfits;  // Dead from the start.
  std::int64_t purged = 0;
  std::int64_t in = 0;
  std::int64_t delivered = 0;
};

TEST_CASE_FIXTURE(Fixture, "outbox: whatever is done to it, with reopens and failing disks in between, it holds what the model holds") {
  std::mt19937 random(7);
  std::optional<Outbox> outbox(Open(16u << 20));
  Model model;
  Seq seq = 0;
  for (int step = 0; step < 1500; ++step) {
    Batch batch;
    std::vector<Row> rows;
    for (std::uint64_t n = random() % 8; n > 0; --n)
      rows.push_back(MakeRow(++seq, std::string(random() % 3000, static_cast<char>(random()))));
    if (!rows.empty()) batch = Appending(rows);
    if (random() % 4 == 0) batch.misfits.push_back({1, MakeRow(++seq), "misfit"});
    batch.last_seq = seq;
    const bool replays = random() % 10 == 0;
    if (replays) {
      std::vector<Seq> seqs{seq + 100};
      for (const auto& [dead, payload] : model.dead) {
        if (random() % 2 == 0 && !model.misfits.contains(dead)) seqs.push_back(dead);
      }
      batch.replays.push_back({1, seqs});
    }
    if (!replays && random() % 3 == 0 && !model.rows.empty()) {
      auto through = std::next(model.rows.begin(), static_cast<std::ptrdiff_t>(random() % model.rows.size()));
      if (random() % 4 == 0) batch.dead_letters.push_back({1, model.rows.begin()->first, "refused", 1, MakeRow(0).event.received});
      batch.settles.push_back({1, through->first});
    }
    if (random() % 6 == 0) {
      const auto fault = static_cast<FaultVfs::Fault>(1 + random() % 3);
      vfs.Fail(fault, static_cast<int>(random() % 10), 1 + static_cast<int>(random() % 5));
    }
    // As the committer does: again, as it was, until it is done.
    Result<void> done = Commit(*outbox, batch);
    for (int tries = 0; !done && tries < 20; ++tries) {
      if (tries > 3) vfs.Heal();
      done = Commit(*outbox, batch);
    }
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
    vfs.Heal();

    for (const Row& row : rows) model.rows[row.seq] = row.event.payload;
    model.in += static_cast<std::int64_t>(rows.size() + batch.misfits.size());
    for (const Misfit& misfit : batch.misfits) {
      model.dead[misfit.row.seq] = misfit.row.event.payload;
      model.misfits.insert(misfit.row.seq);
    }
    for (const DeadLetter& letter : batch.dead_letters) {
      model.dead.insert(model.rows.extract(letter.seq));
    }
    for (const LaneReplay& replay : batch.replays) {
      for (const Seq dead : replay.seqs) {
        if (model.dead.contains(dead)) model.rows.insert(model.dead.extract(dead));
      }
    }
    if (random() % 40 == 0 && !model.dead.empty()) {
      CHECK(outbox->PurgeLetters(1, {model.dead.begin()->first}).value() == 1);
      model.dead.erase(model.dead.begin());
      ++model.purged;
    }
    for (const LaneSettle& settle : batch.settles) {
      const auto end = model.rows.upper_bound(settle.through);
      model.delivered += std::distance(model.rows.begin(), end);
      model.rows.erase(model.rows.begin(), end);
    }
    if (random() % 25 == 0) {
      if (random() % 2 == 0) outbox->Close();
      outbox.reset();
      outbox.emplace(Open(16u << 20));
      REQUIRE(outbox->set_aside().empty());
    }
    if (step % 20 != 0) continue;
    std::map<Seq, std::string> found;
    for (const Row& row : RowsOf(*outbox)) found[row.seq] = row.event.payload;
    REQUIRE(found == model.rows);
    CHECK(outbox->last_seq() == seq);
    CHECK(Count(*outbox, "lane/1/in") == model.in);
    CHECK(Count(*outbox, "lane/1/delivered") == model.delivered);
    std::map<Seq, std::string> dead;
    for (const KeptLetter& letter : LettersOf(*outbox)) dead[letter.letter.seq] = letter.row.event.payload;
    REQUIRE(dead == model.dead);
    CHECK(Count(*outbox, "lane/1/dead_lettered") == static_cast<std::int64_t>(model.dead.size()) + model.purged);
    CHECK(Count(*outbox, "lane/1/dead_letters_purged") == model.purged);
    CHECK(Count(*outbox, "lane/1/pending") == static_cast<std::int64_t>(model.rows.size()));
  }
  CHECK(vfs.failures() > 50);
}

// ---------------------------------------------------------------------------------------------------------- drops and gaps

Result<std::vector<DroppedRows>> Drop(Outbox& outbox, const LaneDrop& drop) {
  Batch batch;
  batch.last_seq = outbox.last_seq();
  batch.drops.push_back(drop);
  if (Result<void> done = outbox.Commit(batch); !done) return tl::unexpected<Error>(done.error());
  return batch.dropped;
}

Batch Telling(const Gap& gap, Seq seq) {
  Row row = MakeRow(seq);
  row.event.topic = "$sluice/gaps";
  Batch batch = Appending({row}, 2);
  batch.told_gaps.push_back(gap);
  return batch;
}

std::vector<Row> MakeRows(Seq first, Seq last, std::size_t payload = 1) {
  std::vector<Row> rows;
  for (Seq seq = first; seq <= last; ++seq) rows.push_back(MakeRow(seq, std::string(payload, 'x')));
  return rows;
}

bool IsGap(const Gap& gap, Seq first, Seq last, std::uint64_t events, DropReason reason) {
  return gap.lane == 1 && gap.first == first && gap.last == last && gap.events == events && gap.reason == reason;
}

void CheckLedger(const Outbox& outbox, const std::string& lane) {
  const auto of = [&](const char* what) { return Count(outbox, "lane/" + lane + "/" + what); };
  CHECK(of("in") == of("delivered") + of("pending") + of("dead_lettered") + of("dropped/quota") + of("dropped/ttl"));
}

Bytes UsedBytes(const TempDir& dir) {
  Bytes bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.Path(""))) {
    if (entry.path().filename().string().starts_with("outbox.db")) bytes += entry.file_size();
  }
  return bytes;
}

TEST_CASE_FIXTURE(Fixture,
                  "outbox: a drop at the quota takes the oldest rows behind its start, as many as make its bytes, and counts them") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Appending(MakeRows(1, 20, 1'000))).has_value());
  const Result<std::vector<DroppedRows>> dropped = Drop(outbox, {.lane = 1, .after = 5, .bytes = 5'000});
  REQUIRE(dropped.has_value());
  CHECK(dropped->at(0).events == 5);
  const std::vector<Row> rows = RowsOf(outbox);
  REQUIRE(rows.size() == 15);
  CHECK(rows[4].seq == 5);
  CHECK(rows[5].seq == 11);
  CHECK(Count(outbox, "lane/1/dropped/quota") == 5);
  CheckLedger(outbox, "1");
  const std::vector<Gap> gaps = *outbox.ReadGaps();
  REQUIRE(gaps.size() == 1);
  CHECK(IsGap(gaps[0], 6, 10, 5, DropReason::kQuota));
  CHECK(gaps[0].since <= gaps[0].until);
}

TEST_CASE_FIXTURE(Fixture,
                  "outbox: a drop tells its bytes in the forwarder's measure, so that its estimate of what is left never falls short") {
  Outbox outbox = Open();
  std::vector<Row> rows = MakeRows(1, 50, 30);
  for (Row& row : rows) row.event.properties = {{"trace", "1"}};
  rows[3].key = "k";
  rows[4].destination = "pl\xc3\xa4nt";
  Bytes footprint = 0;
  for (const Row& row : rows) footprint += Footprint(row);
  REQUIRE(Commit(outbox, Appending(rows)).has_value());
  const Result<std::vector<DroppedRows>> dropped = Drop(outbox, {.lane = 1, .bytes = 1u << 20});
  REQUIRE(dropped.has_value());
  CHECK(dropped->at(0).events == 50);
  CHECK(dropped->at(0).bytes == footprint);
  CHECK(Count(outbox, "lane/1/pending_bytes") == 0);
}

TEST_CASE_FIXTURE(Fixture, "outbox: only rows whose deadline is past expire, and a look at a crowd has an end") {
  Outbox outbox = Open();
  std::vector<Row> rows = MakeRows(1, kDropRows + 100);
  for (Row& row : rows) {
    if (row.seq % 2 == 0) row.deadline = RunningTime(row.seq);
  }
  REQUIRE(Commit(outbox, Appending(rows)).has_value());
  REQUIRE(Drop(outbox, {.lane = 1, .reason = DropReason::kExpired, .now = RunningTime(101)}).has_value());
  CHECK(Count(outbox, "lane/1/dropped/ttl") == 50);
  CHECK(RowsOf(outbox)[1].seq == 3);
  // 50 are gone, so the look ends 50 rows before the last.
  REQUIRE(Drop(outbox, {.lane = 1, .reason = DropReason::kExpired, .now = RunningTime(1'000'000)}).has_value());
  CHECK(Count(outbox, "lane/1/dropped/ttl") == 50 + (kDropRows - 50) / 2);
  CheckLedger(outbox, "1");
}

TEST_CASE_FIXTURE(Fixture, "outbox: events of the gateway itself are never dropped at the quota") {
  Outbox outbox = Open();
  std::vector<Row> rows = MakeRows(1, 10);
  rows[4].event.topic = "$sluice/gaps";
  REQUIRE(Commit(outbox, Appending(rows)).has_value());
  REQUIRE(Drop(outbox, {.lane = 1, .bytes = 1u << 20}).has_value());
  const std::vector<Row> left = RowsOf(outbox);
  REQUIRE(left.size() == 1);
  CHECK(left[0].seq == 5);
  const std::vector<Gap> gaps = *outbox.ReadGaps();
  REQUIRE(gaps.size() == 2);
  CHECK(IsGap(gaps[0], 1, 4, 4, DropReason::kQuota));
  CHECK(IsGap(gaps[1], 6, 10, 5, DropReason::kQuota));
}

TEST_CASE_FIXTURE(Fixture, "outbox: gaps merge while their rows follow one another in the lane, over drops and reopens, not over reasons") {
  {
    Outbox outbox = Open();
    std::vector<Row> rows = MakeRows(1, 30, 1'000);
    for (Row& row : rows) row.deadline = RunningTime(5);
    REQUIRE(Commit(outbox, Appending(rows)).has_value());
    REQUIRE(Drop(outbox, {.lane = 1, .after = 10, .bytes = 1'000}).has_value());
    REQUIRE(Drop(outbox, {.lane = 1, .after = 10, .bytes = 1'000}).has_value());
    // Before the gap that is there, one by one, as rows go that were given to the sink before.
    for (Seq seq : {3, 4, 5}) {
      REQUIRE(
          Drop(outbox, {.lane = 1, .after = seq - 1, .through = seq, .reason = DropReason::kExpired, .now = RunningTime(9)}).has_value());
    }
  }
  Outbox outbox = Open();
  REQUIRE(Drop(outbox, {.lane = 1, .after = 10, .bytes = 1'000}).has_value());
  REQUIRE(Drop(outbox, {.lane = 1, .after = 10, .reason = DropReason::kExpired, .now = RunningTime(9)}).has_value());
  std::vector<Gap> gaps = *outbox.ReadGaps();
  std::sort(gaps.begin(), gaps.end(), [](const Gap& a, const Gap& b) { return a.first < b.first; });
  REQUIRE(gaps.size() == 3);
  CHECK(IsGap(gaps[0], 3, 5, 3, DropReason::kExpired));
  CHECK(IsGap(gaps[1], 11, 13, 3, DropReason::kQuota));
  CHECK(IsGap(gaps[2], 14, 30, 17, DropReason::kExpired));
}

TEST_CASE_FIXTURE(Fixture,
                  "outbox: a gap that was told ends in the transaction of its record; what it grew by meanwhile is told another time") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Appending(MakeRows(1, 30, 1'000))).has_value());
  REQUIRE(Drop(outbox, {.lane = 1, .bytes = 4'000}).has_value());
  const Gap told = outbox.ReadGaps()->at(0);
  SUBCASE("as it was") {
    REQUIRE(Commit(outbox, Telling(told, 31)).has_value());
    CHECK(outbox.ReadGaps()->empty());
  }
  SUBCASE("grown") {
    REQUIRE(Drop(outbox, {.lane = 1, .bytes = 2'000}).has_value());
    REQUIRE(Commit(outbox, Telling(told, 31)).has_value());
    const std::vector<Gap> rest = *outbox.ReadGaps();
    REQUIRE(rest.size() == 1);
    CHECK(IsGap(rest[0], told.last + 1, told.last + 2, 2, DropReason::kQuota));
    REQUIRE(Drop(outbox, {.lane = 1, .bytes = 1'000}).has_value());
    CHECK(IsGap(outbox.ReadGaps()->at(0), told.last + 1, told.last + 3, 3, DropReason::kQuota));
  }
  SUBCASE("not, if its record is not in") {
    vfs.Fail(FaultVfs::Fault::kDiskFull, 0, 1'000);
    CHECK_FALSE(Commit(outbox, Telling(told, 31)).has_value());
    vfs.Heal();
    CHECK(outbox.ReadGaps()->size() == 1);
    CHECK(RowsOf(outbox, 2).empty());
  }
}

TEST_CASE_FIXTURE(Fixture, "outbox: dead letters and expired rows within a settle that goes in parts do not count as delivered") {
  Outbox outbox = Open(8u << 20);
  Seq seq = 0;
  for (int batch = 0; batch < 10; ++batch) {
    std::vector<Row> rows = MakeRows(seq + 1, seq + 20, 12'000);
    for (Row& row : rows) row.deadline = RunningTime(5);
    REQUIRE(Commit(outbox, Appending(rows)).has_value());
    seq += 20;
  }
  Batch batch = Settling(190);
  batch.dead_letters.push_back({1, 7, "refused", 1, WallTime{}});
  batch.dead_letters.push_back({1, 180, "refused", 1, WallTime{}});
  batch.drops.push_back({1, 9, 10, DropReason::kExpired, 0, RunningTime(6)});
  batch.last_seq = seq;
  const std::int64_t commits = Count(outbox, "commits");
  REQUIRE(Commit(outbox, batch).has_value());
  CHECK(Count(outbox, "commits") > commits + 2);
  CHECK(Count(outbox, "lane/1/dead_lettered") == 2);
  CHECK(Count(outbox, "lane/1/dropped/ttl") == 1);
  CHECK(Count(outbox, "lane/1/delivered") == 187);
  CHECK(Count(outbox, "lane/1/pending") == 10);
  CHECK(outbox.ReadGaps()->size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "outbox: at the cap a dead letter as large as can be goes with a drop that makes room for it") {
  Outbox outbox = Open(8u << 20);
  REQUIRE(Commit(outbox, Appending(MakeRows(1, 1, 700'000))).has_value());
  Seq seq = 1;
  while (Commit(outbox, Appending(MakeRows(seq + 1, seq + 10, 5'000))).has_value()) seq += 10;
  Batch batch = Settling(1);
  batch.last_seq = seq;
  batch.dead_letters.push_back({1, 1, "refused", 1, WallTime{}});
  batch.drops.push_back({.lane = 1, .after = 1, .bytes = 1u << 20});
  REQUIRE(Commit(outbox, batch).has_value());
  CHECK(Count(outbox, "lane/1/dead_lettered") == 1);
  CheckLedger(outbox, "1");
}

TEST_CASE_FIXTURE(
    Fixture, "outbox: max_bytes holds whatever its size and that of the rows, while lanes are filled, dropped from and settled at once") {
  constexpr LaneId kLanes = 6;
  for (const Bytes max : {Bytes{8u << 20}, Bytes{9u << 20}, Bytes{16u << 20}}) {
    for (const std::size_t payload : {200u, 2'100u, 60'000u}) {
      CAPTURE(max);
      CAPTURE(payload);
      for (const char* file : {"outbox.db", "outbox.db-wal", "outbox.db-ballast"}) std::filesystem::remove(dir.Path(file));
      Outbox::Options options = Options(max);
      options.vfs = nullptr;
      options.lanes = {{"a", "1"}, {"a", "2"}, {"a", "3"}, {"b", "1"}, {"b", "2"}, {"b", "3"}};
      Result<Outbox> opened = Outbox::Open(options);
      REQUIRE(opened.has_value());
      Outbox& outbox = *opened;
      // As large as the committer makes its batches.
      const std::size_t rows = std::max<std::size_t>(1, max / 16 / (payload + 100));
      Seq seq = 0;
      std::map<LaneId, Seq> ends;
      int refusals = 0;
      for (LaneId lane = 1; refusals < 12; lane = lane % kLanes + 1) {
        Batch batch = Appending(MakeRows(seq + 1, seq + rows, payload), lane);
        const Result<void> done = Commit(outbox, batch);
        REQUIRE(UsedBytes(dir) <= max);
        if (done) {
          seq += rows;
          ends[lane] = seq;
          continue;
        }
        REQUIRE(done.error().code == ErrorCode::kFull);
        ++refusals;
        // Odd times a quota drop, even times everything else at once.
        Batch room;
        room.last_seq = seq;
        if (refusals % 2 == 1) {
          room.drops.push_back({.lane = lane, .bytes = max});
        } else {
          for (LaneId settled = 1; settled <= kLanes; ++settled) {
            if (ends[settled] > 1) room.settles.push_back({settled, ends[settled] - 1});
          }
        }
        REQUIRE(outbox.Commit(room).has_value());
        REQUIRE(UsedBytes(dir) <= max);
      }
      for (LaneId lane = 1; lane <= kLanes; ++lane) CheckLedger(outbox, std::to_string(lane));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "outbox: an empty one has room for the largest event that is allowed, with as many rows as it may have") {
  constexpr Bytes kMax = 8u << 20;
  const Bytes largest = LargestEvent(Options(kMax).config);
  for (const std::size_t rows : {1u, 2u, 16u}) {
    CAPTURE(rows);
    Outbox outbox = Open(kMax);
    const Seq seq = outbox.last_seq();
    REQUIRE(Commit(outbox, Appending(MakeRows(seq + 1, seq + rows, largest / rows))).has_value());
    CHECK(UsedBytes(dir) <= kMax);
    REQUIRE(Commit(outbox, Settling(seq + rows)).has_value());
    outbox.Close();
  }
}

TEST_CASE_FIXTURE(Fixture, "outbox: rows of kept classes and of the gateway itself still have room when others have none") {
  Outbox outbox = Open(8u << 20);
  Seq seq = 0;
  while (Commit(outbox, Appending(MakeRows(seq + 1, seq + 10, 1'000))).has_value()) seq += 10;
  Batch alert = Appending(MakeRows(seq + 1, seq + 5, 1'000), 2);
  alert.reserved = true;
  CHECK(Commit(outbox, alert).has_value());
  CHECK_FALSE(Commit(outbox, Appending(MakeRows(seq + 6, seq + 15, 1'000))).has_value());
}

TEST_CASE_FIXTURE(Fixture, "outbox: space that is free goes back to the file system") {
  const auto size = [&] { return std::filesystem::file_size(dir.Path("outbox.db")); };
  Seq seq = 0;
  {
    Outbox outbox = Open();
    for (; seq < 4'000; seq += 100) REQUIRE(Commit(outbox, Appending(MakeRows(seq + 1, seq + 100, 9'000))).has_value());
    outbox.Close();
  }
  REQUIRE(size() > 32u << 20);
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Settling(seq)).has_value());
  int rounds = 0;
  while (outbox.GiveBack()) REQUIRE(++rounds < 1'000);
  CHECK(rounds > 1);
  outbox.Close();
  CHECK(size() <= 17u << 20);
}

TEST_CASE_FIXTURE(Fixture, "outbox: the clock goes on from where it was kept") {
  const ClockKept kept{RunningTime(12'345),
                       {WallTime(std::chrono::seconds(1'700'000'000)), {0xabcdef0123456, std::chrono::seconds(77)}, true}};
  {
    Outbox outbox = Open();
    CHECK(outbox.clock().reading.boot == BootTime{});
    Batch batch = Appending({MakeRow(1)});
    batch.clock = kept;
    REQUIRE(Commit(outbox, batch).has_value());
    REQUIRE(Commit(outbox, Settling(1)).has_value());  // One that has no clock does not touch it.
  }
  Outbox outbox = Open();
  CHECK(outbox.clock().running == kept.running);
  CHECK(outbox.clock().reading.wall == kept.reading.wall);
  CHECK(outbox.clock().reading.boot == kept.reading.boot);
  CHECK(outbox.clock().reading.synchronized);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a row's deadline and its moment on the clock of the boot are there after a reopen") {
  Row row = MakeRow(1);
  row.deadline = RunningTime(86'400'000);
  row.unsynchronized = BootTime{0xabcdef0123456, std::chrono::milliseconds(123'456'789)};
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Appending({row, MakeRow(2)})).has_value());
  }
  Outbox outbox = Open();
  const std::vector<Row> rows = RowsOf(outbox);
  CHECK(rows[0].deadline == row.deadline);
  CHECK(rows[0].unsynchronized == row.unsynchronized);
  CHECK(rows[1].deadline == std::nullopt);
  CHECK(rows[1].unsynchronized == std::nullopt);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a file of format 1.0, which had no gaps, is opened with its backlog") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Appending(MakeRows(1, 5))).has_value());
    outbox.Close();
  }
  Sql("DROP TABLE gap; UPDATE meta SET value = 0 WHERE name = 'format_minor'; DELETE FROM counter WHERE name LIKE 'clock/%'");
  Outbox outbox = Open();
  CHECK(outbox.set_aside().empty());
  CHECK(RowsOf(outbox).size() == 5);
  REQUIRE(Drop(outbox, {.lane = 1, .bytes = 1}).has_value());
  CHECK(outbox.ReadGaps()->size() == 1);
}

/// Rows 1 to `last`, odd ones in lane 1 and even ones in lane 2, each with the one before it in its lane.
Batch Alternating(Seq last, std::size_t payload = 100) {
  Batch batch;
  batch.last_seq = last;
  batch.appends = {{1, {}}, {2, {}}};
  for (Seq seq = 1; seq <= last; ++seq) {
    Row row = MakeRow(seq, std::string(payload, static_cast<char>('a' + seq % 26)));
    row.previous = seq > 2 ? seq - 2 : 0;
    batch.appends[seq % 2 == 1 ? 0 : 1].rows.push_back(std::move(row));
  }
  return batch;
}

Batch Moving(std::vector<Seq> seqs, LaneOrigin from = {.lane = 1}, LaneId to = 2) {
  Batch batch;
  batch.replays.push_back({.lane = to, .seqs = std::move(seqs), .from = std::move(from)});
  return batch;
}

std::vector<Seq> SeqsOf(const std::vector<Row>& rows) {
  std::vector<Seq> seqs;
  for (const Row& row : rows) seqs.push_back(row.seq);
  return seqs;
}

void CheckLedger(Outbox& outbox, std::size_t damaged = 0) {
  for (LaneId lane = 1; lane <= 2; ++lane) {
    const std::string name = "lane/" + std::to_string(lane) + "/";
    std::int64_t dropped = 0;
    for (const char* reason : {"quota", "ttl", "purged", "moved"}) dropped += Count(outbox, name + "dropped/" + reason);
    CHECK(Count(outbox, name + "in") ==
          Count(outbox, name + "delivered") + Count(outbox, name + "pending") + dropped + Count(outbox, name + "dead_lettered"));
    CHECK(Count(outbox, name + "pending") == static_cast<std::int64_t>(RowsOf(outbox, lane).size() + (lane == 1 ? damaged : 0)));
  }
}

TEST_CASE_FIXTURE(Fixture, "outbox: purged rows are gone, whatever they are, counted and told as one gap, a bounded number at a time") {
  std::vector<Row> rows = MakeRows(1, 12'000, 100);
  rows[7].event.topic = std::string(kGapsTopic);
  std::uint64_t purged = 0;
  int pages = 0;
  {
    Outbox outbox = Open();
    for (std::size_t i = 0; i < rows.size(); i += 2'000) {
      const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(i);
      REQUIRE(Commit(outbox, Appending({begin, begin + 2'000})).has_value());
    }
  }
  Sql("UPDATE lane_1 SET metadata = zeroblob(length(metadata)) WHERE seq = 5");
  for (;; ++pages) {
    Outbox outbox = Open();  // As after a crash between pages.
    const Result<DroppedRows> page = outbox.PurgeRows(1);
    REQUIRE(page.has_value());
    CHECK(Count(outbox, "lane/1/pending") + Count(outbox, "lane/1/dropped/purged") == Count(outbox, "lane/1/in"));
    if (page->events == 0) break;
    CHECK(page->events <= kDropRows);
    purged += page->events;
  }
  CHECK(pages >= 3);
  CHECK(purged == rows.size());
  Outbox outbox = Open();
  CheckLedger(outbox);
  CHECK(Count(outbox, "lane/1/pending_bytes") == 0);
  const std::vector<Gap> gaps = *outbox.ReadGaps();
  std::uint64_t told = 0;
  for (const Gap& gap : gaps) told += gap.events;
  CHECK(told == rows.size());
  CHECK(gaps[0].sink == "cloud");
  CHECK(gaps[0].lane_class == "normal");
  CHECK(gaps[0].reason == DropReason::kPurged);
  CHECK(gaps.size() <= 3);  // The row that cannot be read names no row before it.
}

TEST_CASE_FIXTURE(Fixture, "outbox: a lane can be purged at the cap and on a full disk") {
  Outbox outbox = Open(8u << 20);
  Seq seq = 0;
  while (Commit(outbox, Appending({MakeRow(++seq, std::string(100'000, 'x'))})).has_value()) {
  }
  SUBCASE("at the cap") {}
  SUBCASE("and no file can grow") {
    vfs.Fail(FaultVfs::Fault::kDiskFull, 0, 1);
  }
  Result<DroppedRows> page = outbox.PurgeRows(1);
  for (int tries = 0; page && page->events > 0 && tries < 100; ++tries) page = outbox.PurgeRows(1);
  REQUIRE(page.has_value());
  CHECK(RowsOf(outbox).empty());
  CheckLedger(outbox);
  CHECK(Commit(outbox, Appending({MakeRow(seq, std::string(100'000, 'x'))})).has_value());
}

TEST_CASE_FIXTURE(Fixture,
                  "outbox: moved rows are rows of the other lane, under their seqs and bytes, in its order, and both ledgers add up") {
  {
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Alternating(10)).has_value());
    REQUIRE(Commit(outbox, Settling(4, 2)).has_value());
    REQUIRE(Commit(outbox, Moving({1, 3, 5})).has_value());
    CheckLedger(outbox);
  }
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Moving({7, 9}, {.lane = 1, .previous = 5, .destination = "other"})).has_value());
  CheckLedger(outbox);
  CHECK(RowsOf(outbox, 1).empty());
  const std::vector<Row> rows = RowsOf(outbox, 2);
  CHECK(SeqsOf(rows) == std::vector<Seq>{1, 3, 5, 6, 7, 8, 9, 10});
  CHECK(rows[1].event.payload == std::string(100, 'd'));
  CHECK(rows[1].destination == "plant");
  CHECK(rows[4].destination == "other");
  // Each names one that the lane had, so that a consumer of it finds all that is named.
  CHECK(rows[0].previous == 0);
  CHECK(rows[1].previous == 1);
  CHECK(rows[4].previous == 5);
  CHECK(rows[5].previous == 6);
  CHECK(Count(outbox, "lane/1/dropped/moved") == 5);
  CHECK(Count(outbox, "lane/2/in") == 10);
  const std::vector<Gap> gaps = *outbox.ReadGaps();
  REQUIRE(gaps.size() == 1);
  CHECK(IsGap(gaps[0], 1, 9, 5, DropReason::kMoved));
  REQUIRE(Commit(outbox, Settling(10, 2)).has_value());
  CHECK(RowsOf(outbox, 2).empty());
  CheckLedger(outbox);
}

TEST_CASE_FIXTURE(Fixture, "outbox: a moved row that is younger than all its new lane has had is not taken for settled") {
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Appending({MakeRow(1)}, 2)).has_value());
  REQUIRE(Commit(outbox, Appending({MakeRow(2), MakeRow(3)}, 1)).has_value());
  REQUIRE(Commit(outbox, Moving({2, 3})).has_value());
  REQUIRE(Commit(outbox, Settling(1, 2)).has_value());
  CHECK(SeqsOf(RowsOf(outbox, 2)) == std::vector<Seq>{2, 3});
  CheckLedger(outbox);
}

TEST_CASE_FIXTURE(Fixture, "outbox: what the other lane has already, as a row or as a dead letter, only leaves; what is damaged stays") {
  {
    Outbox outbox = Open();
    Batch both = Appending({MakeRow(1), MakeRow(2), MakeRow(3), MakeRow(4)}, 1);
    both.appends.push_back({2, {MakeRow(2), MakeRow(3)}});
    REQUIRE(Commit(outbox, both).has_value());
    Batch refused;
    refused.dead_letters.push_back({2, 3, "refused", 1, WallTime{}});
    REQUIRE(Commit(outbox, refused).has_value());
  }
  Sql("UPDATE lane_1 SET payload = 'changed' WHERE seq = 4");
  Outbox outbox = Open();
  REQUIRE(Commit(outbox, Moving({1, 2, 3, 4})).has_value());
  REQUIRE(Commit(outbox, Moving({1, 2, 3, 4})).has_value());  // Of unknown outcome, and done again.
  CheckLedger(outbox, 1);
  CHECK(Count(outbox, "lane/1/pending") == 1);
  CHECK(Count(outbox, "lane/1/dropped/moved") == 3);
  CHECK(SeqsOf(RowsOf(outbox, 2)) == std::vector<Seq>{1, 2});
  CHECK(Count(outbox, "lane/2/in") == 3);
  CHECK(outbox.ReadLetters({2, 0, 10, 1'000, false})->letters.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "outbox: as found, nothing is made, set aside, renamed or filled, and what is there can be read and changed") {
  Outbox::Options as_found = Options();
  as_found.as_found = true;
  as_found.lanes = {};
  const auto names = [&] {
    std::set<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(dir.Path("."))) all.insert(entry.path().filename());
    return all;
  };
  SUBCASE("nothing is there") {
    as_found.config.path = dir.Path("none/outbox.db");
    const auto before = names();
    const Result<Outbox> opened = Outbox::Open(as_found);
    REQUIRE(!opened);
    CHECK(opened.error().message.find("there is no outbox") != std::string::npos);
    CHECK(names() == before);
  }
  SUBCASE("no outbox") {
    for (const std::string& content : {std::string(), std::string(100'000, 'x')}) {
      dir.Write("outbox.db", content);
      CHECK(!Outbox::Open(as_found));
      CHECK(std::filesystem::file_size(dir.Path("outbox.db")) == content.size());
      CHECK(!names().contains("outbox.db.set-aside-1"));
    }
  }
  SUBCASE("after a stop or a crash, on another machine") {
    bool stopped = false;
    SUBCASE("stop") {
      stopped = true;
    }
    SUBCASE("crash") {}
    std::string id;
    {
      Outbox outbox = Open();
      id = outbox.id();
      REQUIRE(Commit(outbox, Appending({MakeRow(1), MakeRow(2)})).has_value());
      if (stopped) outbox.Close();
    }
    std::filesystem::remove(dir.Path("outbox.db-ballast"));
    as_found.machine_id_file = dir.Write("other-id", "elsewhere\n");
    {
      Result<Outbox> outbox = Outbox::Open(as_found);
      REQUIRE(outbox.has_value());
      CHECK(outbox->id() == id);
      REQUIRE(outbox->lanes().size() == 2);
      CHECK(RowsOf(*outbox).size() == 2);
      CHECK(outbox->PurgeRows(1)->events == 2);
      outbox->Close();
    }
    CHECK(!names().contains("outbox.db-ballast"));
    Outbox outbox = Open();
    CHECK(outbox.id() == id);
    CHECK(outbox.was_closed() == stopped);
    CHECK(RowsOf(outbox).empty());
    CheckLedger(outbox);
  }
}

TEST_CASE("row codec: metadata that is cut or changed is refused or read as something, never out of bounds") {
  Row row = MakeRow(9);
  row.event.content_type = "text/plain";
  row.event.properties = {{"a", "b"}};
  std::string blob;
  EncodeMetadata(row, blob);
  std::mt19937 random(1);
  for (std::size_t size = 0; size < blob.size(); ++size) {
    Row out;
    out.seq = 9;
    (void)DecodeMetadata(std::string_view(blob).substr(0, size), out);
  }
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = blob;
    for (int i = 0; i < 3; ++i) bad[random() % bad.size()] = static_cast<char>(random());
    Row out;
    out.seq = 9;
    (void)DecodeMetadata(bad, out);
  }
}

TEST_CASE("outbox: opened anew with other lanes and another bound it has all it had, and the lock is never let go") {
  Fixture f;
  Result<Outbox> outbox = Outbox::Open(f.Options());
  REQUIRE(outbox);
  Batch batch = Appending({MakeRow(1), MakeRow(2)});
  REQUIRE(outbox->Commit(batch));
  OutboxConfig config = f.Options(32u << 20).config;
  REQUIRE(outbox->Reopen(config, {{"new", "alert"}, {"cloud", "normal"}}));
  REQUIRE(outbox->lanes().size() == 3);
  CHECK(outbox->lanes()[0].sink == "new");
  CHECK(outbox->lanes()[1].pending_events == 2);
  CHECK(outbox->lanes()[2].sink == "copy");
  CHECK(outbox->last_seq() == 2);
  CHECK(Outbox::Open(f.Options()).error().code == ErrorCode::kLocked);
  Batch more = Appending({MakeRow(3)}, outbox->lanes()[0].id);
  REQUIRE(outbox->Commit(more));
  Result<LaneRead> read = outbox->Read(outbox->lanes()[1].id, 0, SIZE_MAX);
  REQUIRE(read);
  CHECK(read->rows.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "outbox: opened anew it takes what it is given next, whatever became of the batch that failed before") {
  for (int passes = 0; passes < 12; ++passes) {
    std::filesystem::remove(dir.Path("outbox.db"));
    std::filesystem::remove(dir.Path("outbox.db-wal"));
    Outbox outbox = Open();
    REQUIRE(Commit(outbox, Appending({MakeRow(1)})).has_value());
    vfs.Fail(FaultVfs::Fault::kSyncFails, passes, 1000);
    const Result<void> failed = Commit(outbox, Appending({MakeRow(2, "of the gateway before")}));
    vfs.Heal();
    REQUIRE(outbox.Reopen(Options().config, {{"cloud", "normal"}}));
    const Seq next = outbox.last_seq() + 1;
    REQUIRE(Commit(outbox, Appending({MakeRow(next, "of this one")})).has_value());
    const std::vector<Row> rows = RowsOf(outbox);
    REQUIRE(!rows.empty());
    CHECK(rows.back().seq == next);
    CHECK(rows.back().event.payload == "of this one");
    CHECK(rows.size() == next);
    if (failed) CHECK(next == 3);
  }
}

TEST_CASE("outbox: one that cannot be opened anew yet is, with the new lanes, once the disk is well") {
  Fixture f;
  Result<Outbox> outbox = Outbox::Open(f.Options());
  REQUIRE(outbox);
  Batch batch = Appending({MakeRow(1)});
  REQUIRE(outbox->Commit(batch));
  const OutboxConfig config = f.Options().config;
  const std::string path = config.path;
  std::filesystem::rename(path, path + ".away");
  std::filesystem::create_directory(path);
  CHECK_FALSE(outbox->Reopen(config, {{"new", "alert"}}));
  std::filesystem::remove(path);
  std::filesystem::rename(path + ".away", path);
  REQUIRE(outbox->Reopen(config, {{"new", "alert"}}));
  CHECK(outbox->lanes()[0].sink == "new");
  CHECK(outbox->lanes()[1].pending_events == 1);
}

}  // namespace
}  // namespace sluice
