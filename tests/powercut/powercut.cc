// powercut OPERATIONS OUTBOX LINES CUTS SEED [acks] [rules]
//
// Replays what the daemon did to its files up to CUTS random moments (with `acks`: right after acknowledgements), cuts the power there,
// opens what is left with the real store, and demands that every event acknowledged before is a row of OUTBOX or a line of the file sink's
// LINES, that no file had to be set aside, and that the ledger's sums are right; with `rules`, that alerts and the records of rules agree
// with the events that are left (tests/powercut/alerts.h). Exit status 1 if not.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/outbox.h"
#include "tests/powercut/alerts.h"
#include "tests/powercut/disk.h"
#include "tests/powercut/operations.h"

namespace sluice {
namespace {

using Files = std::map<std::string, std::string>;

constexpr Bytes kMaxBytes = 8u << 20;

struct Names {
  std::string outbox;
  std::string lines;
};

void Fail(const std::string& what, std::size_t at) {
  std::printf("power cut after operation %zu: %s\n", at, what.c_str());
  std::exit(1);
}

void AddNumber(const std::string& text, std::set<std::uint64_t>& numbers) {
  const std::size_t at = text.find("\"n\":");
  const std::size_t escaped = text.find("\\\"n\\\":");
  if (at != std::string::npos) numbers.insert(std::strtoull(text.c_str() + at + 4, nullptr, 10));
  if (escaped != std::string::npos) numbers.insert(std::strtoull(text.c_str() + escaped + 6, nullptr, 10));
}

// What a power cut has left of a line may have its ends and lack a sector in between.
bool IsWhole(const std::string& line) {
  return line.starts_with("{\"specversion\"") && line.ends_with("}") && line.find('\0') == std::string::npos;
}

/// What a power cut has left.
struct Left {
  std::set<std::uint64_t> numbers;  ///< Of events.
  Alerts alerts;                    ///< With `rules`.
};

void AddLines(const std::string& text, Left& left, ToldLines* lines) {
  std::size_t start = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    const std::string line = text.substr(start, end - start);
    start = end + 1;
    if (!IsWhole(line)) continue;
    AddNumber(line, left.numbers);
    if (lines != nullptr) left.alerts.AddLine(line, *lines);
  }
}

void WriteFiles(const std::filesystem::path& directory, const Files& files) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  for (const auto& [name, content] : files) std::ofstream(directory / name, std::ios::binary) << content;
}

void CheckLedger(const Outbox& outbox, std::size_t rows, std::size_t at) {
  const auto counters = outbox.Counters();
  const auto get = [&](const std::string& what) {
    const auto it = counters.find("lane/" + std::to_string(outbox.lanes()[0].id) + "/" + what);
    return it == counters.end() ? 0 : it->second;
  };
  if (get("pending") != static_cast<std::int64_t>(rows)) Fail("the ledger's pending is not the number of rows", at);
  if (get("in") != get("delivered") + get("pending") + get("dead_lettered")) Fail("the ledger's sum is wrong", at);
}

// `lines`: null without `rules`.
Left WhatIsLeft(const std::filesystem::path& directory, const Names& names, const Files& files, ToldLines* lines, std::size_t at) {
  Left left;
  for (const auto& [name, content] : files) {
    if (name.starts_with(names.lines)) AddLines(content, left, lines);
  }
  Outbox::Options options;
  options.config.path = (directory / names.outbox).string();
  options.config.max_bytes = kMaxBytes;
  options.config.min_free_bytes = 0;
  options.lanes = {{"copy", "normal"}};
  Result<Outbox> outbox = Outbox::Open(options);
  if (!outbox) Fail("the outbox does not open: " + outbox.error().message, at);
  if (!outbox->set_aside().empty()) Fail("the outbox was found damaged", at);
  std::size_t rows = 0;
  for (Seq after = 0;;) {
    Result<LaneRead> read = outbox->Read(outbox->lanes()[0].id, after, 1u << 20);
    if (!read) Fail("the outbox cannot be read: " + read.error().message, at);
    if (!read->damaged.empty()) Fail("a row is damaged", at);
    for (const Row& row : read->rows) {
      AddNumber(row.event.payload, left.numbers);
      if (lines != nullptr) left.alerts.AddRow(row);
    }
    rows += read->rows.size();
    if (read->end) break;
    after = read->rows.back().seq;
  }
  CheckLedger(*outbox, rows, at);
  const Result<RuleRecordRead> records = outbox->ReadRuleRecords();
  if (!records || records->damaged > 0) Fail("a rule record is damaged", at);
  for (const RuleRecord& record : records->records) left.alerts.AddRecord(record);
  return left;
}

std::vector<std::size_t> Moments(const std::vector<Operation>& operations, std::size_t cuts, bool acks, std::mt19937_64& random) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (!acks || operations[i].kind == Operation::Kind::kAck) candidates.push_back(i);
  }
  std::vector<std::size_t> moments;
  for (std::size_t i = 0; i < cuts && !candidates.empty(); ++i) moments.push_back(candidates[random() % candidates.size()]);
  std::sort(moments.begin(), moments.end());
  return moments;
}

int Main(int argc, char** argv) {
  if (argc < 6) return 2;
  const std::vector<Operation> operations = ReadOperations(argv[1]);
  const Names names{argv[2], argv[3]};
  const auto has_word = [&](const char* word) { return std::find(argv + 6, argv + argc, std::string(word)) != argv + argc; };
  const bool acks = has_word("acks");
  const bool rules = has_word("rules");
  std::mt19937_64 random(std::strtoull(argv[5], nullptr, 10));
  const std::vector<std::size_t> moments = Moments(operations, std::strtoull(argv[4], nullptr, 10), acks, random);
  if (moments.empty()) return 2;
  const std::filesystem::path directory = std::filesystem::path(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp") /
                                          ("sluice-powercut-" + std::to_string(random()));
  Disk disk;
  ToldLines lines;
  std::size_t alerts = 0;
  std::set<std::uint64_t> acked;
  std::size_t checked = 0;
  auto moment = moments.begin();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    disk.Apply(operations[i]);
    if (operations[i].kind == Operation::Kind::kAck) acked.insert(operations[i].number);
    for (; moment != moments.end() && *moment == i; ++moment) {
      const auto kind = acks ? Disk::Cut::kNothing : random() % 10 == 0 ? Disk::Cut::kNothing : Disk::Cut::kRandom;
      const Files files = disk.After(kind, random);
      WriteFiles(directory, files);
      const Left left = WhatIsLeft(directory, names, files, rules ? &lines : nullptr, i);
      checked += acked.size();
      for (std::uint64_t number : acked) {
        if (!left.numbers.contains(number)) Fail("event " + std::to_string(number) + " was acknowledged and is gone", i);
      }
      if (!rules) continue;
      alerts = std::max(alerts, left.alerts.Count());
      if (const std::string wrong = left.alerts.Check(); !wrong.empty()) Fail(wrong, i);
    }
  }
  std::filesystem::remove_all(directory);
  std::printf("%zu cuts among %zu operations, %zu events acknowledged in all, looked for %zu times: none missing\n", moments.size(),
              operations.size(), acked.size(), checked);
  if (rules) std::printf("%zu alerts at most, all with their events and their records\n", alerts);
  return acked.empty() || (rules && alerts == 0) ? 1 : 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  return sluice::Main(argc, argv);
}
