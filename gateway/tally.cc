#include "gateway/tally.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kEvery{200};

}  // namespace

Tally::Tally(std::string done) : done_(std::move(done)), is_watched_(::isatty(STDERR_FILENO) != 0) {}

void Tally::Show(std::uint64_t count) {
  count_ = count;
  const auto now = std::chrono::steady_clock::now();
  if (!is_watched_ || now - printed_ < kEvery) return;
  printed_ = now;
  Print();
}

void Tally::End() {
  if (!is_watched_ || printed_ == std::chrono::steady_clock::time_point{}) return;
  Print();
  std::fputc('\n', stderr);
  printed_ = {};
}

void Tally::Print() {
  std::fprintf(stderr, "\r%s %llu", done_.c_str(), static_cast<unsigned long long>(count_));
}

}  // namespace sluice
