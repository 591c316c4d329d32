// load PORT COUNT RATE SIZE WINDOW AREAS: publishes COUNT events of SIZE bytes with QoS 1 on one connection, RATE a second (0: as fast as
// the broker acknowledges), at most WINDOW unacknowledged; in turns from AREAS areas (0: topics do not name any). Ends when all are
// acknowledged.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/bench/publisher.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kTopics = 50;

std::string TopicOf(std::uint64_t number, std::uint64_t areas) {
  const std::string area = areas > 0 ? "area-" + std::to_string(number % areas) + "/" : "";
  return "plant/" + area + "line-" + std::to_string(number % kTopics) + "/telemetry";
}

// Readings that no compression foresees.
void AppendDigits(std::string& out, std::size_t size, std::uint64_t number) {
  std::uint64_t random = number + 1;
  while (out.size() < size) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    out += static_cast<char>('0' + (random >> 40) % 10);
  }
}

std::string PayloadOf(std::uint64_t number, std::size_t size) {
  std::string payload =
      "{\"n\":" + std::to_string(number) + ",\"temp\":" + std::to_string(20 + number % 60) + ".5,\"state\":\"RUN\",\"raw\":\"";
  AppendDigits(payload, std::max<std::size_t>(size, 2) - 2, number);
  return payload + "\"}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const int fd = ConnectPublisher(std::atoi(argv[1]));
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  const double rate = std::atof(argv[3]);
  const std::size_t size = std::strtoull(argv[4], nullptr, 10);
  const std::uint64_t window = std::strtoull(argv[5], nullptr, 10);
  const std::uint64_t areas = std::strtoull(argv[6], nullptr, 10);
  const auto start = Clock::now();
  std::uint64_t sent = 0;
  std::uint64_t ack_bytes = 0;
  std::string out;
  while (ack_bytes / kAckBytes < count) {
    std::uint64_t due = count;
    if (rate > 0) due = std::min(count, static_cast<std::uint64_t>(std::chrono::duration<double>(Clock::now() - start).count() * rate) + 1);
    const auto may_send = [&] { return sent < due && sent - ack_bytes / kAckBytes < window; };
    out.clear();
    for (int burst = 0; burst < 64 && may_send(); ++burst, ++sent) {
      AppendPublish(out, TopicOf(sent, areas), static_cast<std::uint16_t>(sent % 65535 + 1), PayloadOf(sent, size));
    }
    SendAll(fd, out);
    ack_bytes += ReceiveAcks(fd, may_send() ? 0 : 1);
  }
  ::close(fd);
}
