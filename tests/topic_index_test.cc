#include "gateway/topic_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

using Random = std::mt19937;

template <std::size_t kCount>
std::string RandomLevels(Random& random, const char* const (&levels)[kCount], std::size_t most) {
  std::string text = levels[random() % kCount];
  for (std::size_t n = random() % most; n > 0; --n) text += std::string("/") + levels[random() % kCount];
  return text;
}

std::string RandomTopic(Random& random) {
  static constexpr const char* kLevels[] = {"a", "a", "b", "", "$", "$a", "a$", "long enough not to be short"};
  return RandomLevels(random, kLevels, 6);
}

// Not every one is a filter.
std::string RandomFilter(Random& random) {
  static constexpr const char* kLevels[] = {"a", "b", "", "+", "+", "{x}", "$", "$a", "long enough not to be short"};
  std::string text = RandomLevels(random, kLevels, 6);
  if (random() % 4 == 0) text += "/#";
  return random() % 50 == 0 ? "#" : text;
}

std::vector<TopicFilter> RandomFilters(Random& random, std::size_t count) {
  std::vector<TopicFilter> filters;
  while (filters.size() < count) {
    if (Result<TopicFilter> filter = TopicFilter::Parse(RandomFilter(random))) filters.push_back(std::move(*filter));
  }
  return filters;
}

std::vector<std::size_t> Found(const TopicIndex& index, const std::string& topic) {
  std::vector<std::size_t> found;
  index.Find(topic, found);
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::size_t> Matching(const std::vector<TopicFilter>& filters, const std::string& topic) {
  std::vector<std::size_t> matching;
  Captures captures;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    if (filters[i].Matches(topic, captures)) matching.push_back(i);
  }
  return matching;
}

TEST_CASE("topic index: it finds exactly the filters that match") {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    const std::vector<TopicFilter> filters = RandomFilters(random, random() % 60);
    TopicIndex index;
    for (std::size_t i = 0; i < filters.size(); ++i) index.Add(filters[i], i);
    for (int i = 0; i < 200; ++i) {
      const std::string topic = RandomTopic(random);
      CAPTURE(topic);
      REQUIRE(Found(index, topic) == Matching(filters, topic));
    }
    for (const char* topic : {"", "/", "//", "a/", "/a", "$", "$/", "$a/b"}) {
      CAPTURE(topic);
      REQUIRE(Found(index, topic) == Matching(filters, topic));
    }
  }
}

TEST_CASE("topic index: `#` matches the parent level, and no leading wildcard what begins with $") {
  TopicIndex index;
  std::size_t value = 0;
  for (const char* filter : {"#", "+/#", "a/#", "$SYS/#", "+/b", "$SYS/+"}) index.Add(*TopicFilter::Parse(filter), value++);
  CHECK(Found(index, "a") == std::vector<std::size_t>{0, 1, 2});
  CHECK(Found(index, "a/b") == std::vector<std::size_t>{0, 1, 2, 4});
  CHECK(Found(index, "$SYS") == std::vector<std::size_t>{3});
  CHECK(Found(index, "$SYS/b") == std::vector<std::size_t>{3, 5});
}

TEST_CASE("topic index: a value is found once for each of its filters that match, and goes after what was found before") {
  TopicIndex index;
  for (const char* filter : {"a/+", "a/{x}", "+/b", "c"}) index.Add(*TopicFilter::Parse(filter), 7);
  std::vector<std::size_t> found = {1};
  index.Find("a/b", found);
  CHECK(found == std::vector<std::size_t>{1, 7, 7, 7});
}

std::string Repeated(const std::string& level, std::size_t count) {
  std::string text = level;
  while (--count > 0) text += "/" + level;
  return text;
}

TEST_CASE("topic index: a topic of 65,535 levels, and filters of many wildcards, cost no more than their length") {
  Random random(9);
  std::vector<TopicFilter> filters;
  for (int i = 0; i < 1'000; ++i) {
    std::string text;
    for (int level = 0; level < 12; ++level) text += random() % 2 == 0 ? "+/" : "a/";
    filters.push_back(*TopicFilter::Parse(text + (i % 2 == 0 ? "#" : "+")));
  }
  for (const std::string& deep : {Repeated("+", 32'768), Repeated("", 65'536), Repeated("a", 10'000) + "/#"}) {
    filters.push_back(*TopicFilter::Parse(deep));
  }
  TopicIndex index;
  for (std::size_t i = 0; i < filters.size(); ++i) index.Add(filters[i], i);
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& topic : {std::string(65'535, '/'), Repeated("a", 32'768), Repeated("a", 9'999), Repeated("a", 13),
                                   "a/" + std::string(65'533, 'x'), std::string(32'767, '/')}) {
    CHECK(Found(index, topic) == Matching(filters, topic));
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

}  // namespace
}  // namespace sluice
