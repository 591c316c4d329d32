#include "drivers/kinesis_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "drivers/kinesis_request.h"

namespace sluice {
namespace {

KinesisRecord Record(Seq seq, std::size_t bytes = 10, const std::string& stream = "s") {
  return {seq, stream, std::string(bytes, 'x')};
}

void Push(KinesisQueue& queue, const std::string& key, KinesisRecord record) {
  queue.Push(key, PartitionKeyOf(key), std::move(record));
}

std::vector<Seq> Seqs(const std::vector<KinesisQueue::Line*>& call) {
  std::vector<Seq> seqs;
  for (const KinesisQueue::Line* line : call) seqs.push_back(line->records.front().seq);
  return seqs;
}

TEST_CASE("kinesis queue: a call has at most 500 records and 1 MiB, but one record whatever its size") {
  KinesisQueue queue;
  for (Seq seq = 1; seq <= 1200; ++seq) Push(queue, std::to_string(seq), Record(seq));
  CHECK(queue.TakeCall().size() == 500);
  CHECK(queue.TakeCall().size() == 500);
  CHECK(queue.TakeCall().size() == 200);
  CHECK(queue.TakeCall().empty());
  Push(queue, "a", Record(2000, (1u << 20) - 1));
  Push(queue, "b", Record(2001, 600'000));
  Push(queue, "c", Record(2002, 400'000));
  Push(queue, "d", Record(2003, 100'000));
  CHECK(Seqs(queue.TakeCall()) == std::vector<Seq>{2000});
  CHECK(Seqs(queue.TakeCall()) == std::vector<Seq>{2001, 2002});
  CHECK(Seqs(queue.TakeCall()) == std::vector<Seq>{2003});
}

TEST_CASE("kinesis queue: a call is for one stream, and the others' rows keep their turn") {
  KinesisQueue queue;
  Push(queue, "a", Record(1, 10, "x"));
  Push(queue, "b", Record(2, 10, "y"));
  Push(queue, "c", Record(3, 10, "x"));
  Push(queue, "d", Record(4, 10, "y"));
  CHECK(Seqs(queue.TakeCall()) == std::vector<Seq>{1, 3});
  CHECK(Seqs(queue.TakeCall()) == std::vector<Seq>{2, 4});
}

TEST_CASE("kinesis queue: whatever becomes of calls, each row goes out until it is delivered, once at a time and in the order of its key") {
  std::mt19937 random(2026);
  KinesisQueue queue;
  std::map<std::string, std::vector<Seq>> delivered;
  std::set<std::string> under_way;
  std::vector<std::vector<KinesisQueue::Line*>> calls;
  Seq pushed = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 4) {
      case 0:
        if (pushed < 5000) Push(queue, "key-" + std::to_string(random() % 50), Record(++pushed));
        break;
      case 1:
        calls.push_back(queue.TakeCall());
        for (const KinesisQueue::Line* line : calls.back()) REQUIRE(under_way.insert(line->key).second);
        break;
      case 2:
        queue.Wake();
        break;
      default:
        if (calls.empty()) break;
        std::swap(calls[random() % calls.size()], calls.back());
        for (KinesisQueue::Line* line : calls.back()) {
          under_way.erase(line->key);
          if (random() % 3 == 0) {
            queue.Wait(line);
          } else {
            delivered[line->key].push_back(line->records.front().seq);
            queue.Delivered(line);
          }
        }
        calls.pop_back();
    }
  }
  std::size_t count = 0;
  for (const auto& [key, seqs] : delivered) {
    CHECK(std::is_sorted(seqs.begin(), seqs.end()));
    CHECK(std::set<Seq>(seqs.begin(), seqs.end()).size() == seqs.size());
    count += seqs.size();
  }
  CHECK(count > pushed / 2);
}

TEST_CASE("kinesis request: the body is JSON with the data in base64") {
  PutRecordsBody body(10);
  body.Add("{}", "a\"b");
  body.Add("", "c");
  CHECK(body.Finish("plant") ==
        R"({"Records":[{"Data":"e30=","PartitionKey":"a\"b"},{"Data":"","PartitionKey":"c"}],"StreamName":"plant"})");
}

}  // namespace
}  // namespace sluice
