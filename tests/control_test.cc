// What the command line asks the daemon for, and the status document.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "gateway/letter_selection.h"
#include "gateway/status.h"

namespace sluice {
namespace {

const std::vector<LaneState> kLanes = {{1, "cloud", "normal", 0, 0, 0}, {2, "copy", "normal", 0, 0, 0}, {3, "cloud", "bulk", 0, 0, 0}};
const Identity kIdentity{"edge", "0a0b"};

Result<LetterSelection> Parse(const char* request) {
  return LetterSelection::Parse(nlohmann::json::parse(request), kLanes, kIdentity);
}

/// Walks over letters as the store would give them; what was meant, as "lane/seq".
std::string Walk(LetterSelection selection, const std::vector<std::pair<LaneId, Seq>>& letters) {
  std::string meant;
  for (int pages = 0; !selection.IsAtEnd(); ++pages) {
    REQUIRE(pages < 100);
    const LetterQuery query = selection.NextQuery(false);
    LetterPage page;
    page.end = true;
    for (const auto& [lane, seq] : letters) {
      if (lane != query.lane || seq <= query.after) continue;
      if (page.letters.size() == std::min<std::size_t>(query.max_letters, 2)) {
        page.end = false;
        break;
      }
      page.letters.emplace_back().letter.seq = seq;
    }
    selection.Advance(page);
    for (const KeptLetter& kept : page.letters) meant += std::to_string(query.lane) + "/" + std::to_string(kept.letter.seq) + " ";
  }
  return meant;
}

TEST_CASE("letter selection: all, narrowed by sink and class, page by page, each once") {
  const std::vector<std::pair<LaneId, Seq>> letters = {{1, 3}, {1, 5}, {1, 8}, {2, 5}, {3, 1}, {3, 9}};
  CHECK(Walk(*Parse(R"({"all": true})"), letters) == "1/3 1/5 1/8 2/5 3/1 3/9 ");
  CHECK(Walk(*Parse(R"({"all": true, "sink": "cloud"})"), letters) == "1/3 1/5 1/8 3/1 3/9 ");
  CHECK(Walk(*Parse(R"({"all": true, "sink": "cloud", "class": "bulk"})"), letters) == "3/1 3/9 ");
}

TEST_CASE("letter selection: ids mean exactly their letters; an event's id means it in every lane") {
  const std::vector<std::pair<LaneId, Seq>> letters = {{1, 3}, {1, 5}, {1, 8}, {2, 5}};
  CHECK(Walk(*Parse(R"({"ids": ["1/8", "1/4", "1/3"]})"), letters) == "1/8 1/3 ");
  CHECK(Walk(*Parse(R"({"ids": ["edge:0a0b:5"]})"), letters) == "1/5 2/5 ");
}

TEST_CASE("letter selection: what names nothing is refused") {
  for (const char* request :
       {R"({})", R"({"all": true, "sink": "x"})", R"({"ids": ["4/1"]})", R"({"ids": ["1/0"]})", R"({"ids": ["1/-2"]})",
        R"({"ids": ["1/18446744073709551616"]})", R"({"ids": ["edge:other:5"]})", R"({"ids": [{}]})", R"({"ids": [""]})"}) {
    const Result<LetterSelection> selection = Parse(request);
    CHECK_MESSAGE(!selection, request);
  }
}

TEST_CASE("status: every counter of the ledger shows under its source or lane, whatever its name, and those that never counted as 0") {
  StatusFacts facts;
  facts.gateway_id = "edge";
  facts.sources = {{"local", "live", "", {{"sessions_lost", 1}}}};
  facts.lanes = {kLanes[0], kLanes[1]};
  facts.forwarders = {{1, "waiting", 0, "broker down", WallTime{}, 4711}};
  facts.counters.values = {{"source/local/received", 5},  {"source/local/refused/too_large", 2},
                           {"source/local2/received", 9}, {"lane/1/in", 7},
                           {"lane/1/dropped/quota", 3},   {"lane/10/in", 4}};
  const nlohmann::ordered_json document = StatusDocument(facts);
  CHECK(document["sources"]["local"]["received"] == 5);
  CHECK(document["sources"]["local"]["refused"]["too_large"] == 2);
  CHECK(document["sources"]["local"]["unrouted"] == 0);
  CHECK(document["sources"]["local"]["since_start"]["sessions_lost"] == 1);
  CHECK(document["lanes"][0]["in"] == 7);
  CHECK(document["lanes"][0]["sent_bytes_today"] == 4711);
  CHECK(document["lanes"][0]["dropped"]["quota"] == 3);
  CHECK(document["lanes"][0]["last_error"] == "broker down");
  CHECK(document["lanes"][0]["pending"] == 0);
  CHECK(document["lanes"][1]["in"] == 0);
  CHECK(document["lanes"][1]["state"] == "orphaned");
  CHECK(StatusText(document).find("dropped/quota 3") != std::string::npos);
}

TEST_CASE("status: certificates show their end, or why it is not known; a human sees the start and what the clock is worth") {
  StatusFacts facts;
  facts.start_reason = "power_loss";
  facts.clock.synchronized = true;
  facts.certificates.push_back({"sink cloud", WallTime(std::chrono::seconds(1'900'000'000))});
  facts.certificates.push_back({"source local", Fail(ErrorCode::kUnavailable, "/x.pem: No such file or directory")});
  nlohmann::ordered_json document = StatusDocument(facts);
  CHECK(document["certificates"][0] == nlohmann::ordered_json{{"used_by", "sink cloud"}, {"expires", "2030-03-17T17:46:40.000000Z"}});
  CHECK(document["certificates"][1]["error"] == "/x.pem: No such file or directory");
  CHECK(StatusText(document).find("after a start by power_loss, clock synchronized\n") != std::string::npos);
  CHECK(StatusText(document).find("certificate  used_by sink cloud  expires 2030-03-17T17:46:40.000000Z\n") != std::string::npos);
  document["clock_synchronized"] = false;
  CHECK(StatusText(document).find("clock not synchronized\n") != std::string::npos);
}

TEST_CASE("status: the oldest event of a lane has an age only while there is one, and never a negative one") {
  StatusFacts facts;
  facts.lanes = {kLanes[0], kLanes[1]};
  facts.clock.wall = WallTime(std::chrono::seconds(1'000));
  facts.counters.oldest[1] = WallTime(std::chrono::milliseconds(989'500));
  CHECK(StatusDocument(facts)["lanes"][0]["oldest_age_s"] == 10);
  CHECK(!StatusDocument(facts)["lanes"][1].contains("oldest_age_s"));
  facts.counters.oldest[1] = WallTime(std::chrono::seconds(2'000));  // The clock was set back since.
  CHECK(StatusDocument(facts)["lanes"][0]["oldest_age_s"] == 0);
}

}  // namespace
}  // namespace sluice
