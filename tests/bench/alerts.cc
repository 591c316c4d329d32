// alerts PORT BOOTSTRAP TOPIC RATE COUNT: publishes COUNT alerts on plant/alert, RATE a second, fewer if stdin ends before, and watches
// them arrive in partition 0 of TOPIC. Prints "ready" once the first one, which does not count, has arrived, and in the end how many there
// were and the p50 and p99 of the milliseconds from the socket of the publisher to the log of the partition.
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/publisher.h"

namespace {

using Clock = std::chrono::steady_clock;

// How exactly arrivals are told; asking more often would take CPU time from what is measured.
constexpr std::chrono::milliseconds kLook{2};

/// When the records of partition 0 were first seen there; those that were there before are not counted.
class Arrivals {
 public:
  Arrivals(const char* bootstrap, const char* topic) : topic_(topic) {
    char why[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof why);
    kafka_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (kafka_ == nullptr) std::exit(1);
    before_ = End();
  }
  void Look() {
    times_.resize(static_cast<std::size_t>(End() - before_), Clock::now());
    std::this_thread::sleep_for(kLook);
  }
  const std::vector<Clock::time_point>& times() const { return times_; }

 private:
  std::int64_t End() const {
    std::int64_t low = 0;
    std::int64_t high = 0;
    while (rd_kafka_query_watermark_offsets(kafka_, topic_, 0, &low, &high, 5'000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    }
    return high;
  }

  const char* const topic_;
  rd_kafka_t* kafka_;
  std::int64_t before_;
  std::vector<Clock::time_point> times_;
};

Clock::time_point PublishOne(int fd, std::size_t number) {
  std::string out;
  AppendPublish(out, "plant/alert", static_cast<std::uint16_t>(number % 65535 + 1), "{\"alert\":" + std::to_string(number) + "}");
  const auto now = Clock::now();
  SendAll(fd, out);
  ReceiveAcks(fd, 0);
  return now;
}

bool InputHasEnded() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return ::poll(&input, 1, 0) > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const int fd = ConnectPublisher(std::atoi(argv[1]));
  Arrivals arrivals(argv[2], argv[3]);
  std::vector<Clock::time_point> sent{PublishOne(fd, 0)};
  while (arrivals.times().empty()) arrivals.Look();
  std::puts("ready");
  std::fflush(stdout);

  const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / std::atof(argv[4])));
  const std::size_t count = std::strtoull(argv[5], nullptr, 10);
  std::atomic<bool> all_sent = false;
  std::thread publisher([&] {
    for (auto due = Clock::now(); sent.size() <= count && !InputHasEnded(); due += interval) {
      std::this_thread::sleep_until(due);
      sent.push_back(PublishOne(fd, sent.size()));
    }
    all_sent = true;
  });
  while (!all_sent || arrivals.times().size() < sent.size()) arrivals.Look();
  publisher.join();

  std::vector<double> delays;
  for (std::size_t i = 1; i < sent.size(); ++i) {
    delays.push_back(std::chrono::duration<double, std::milli>(arrivals.times()[i] - sent[i]).count());
  }
  std::sort(delays.begin(), delays.end());
  std::printf("%zu %.2f %.2f\n", delays.size(), delays[delays.size() / 2], delays[delays.size() * 99 / 100]);
  std::fflush(stdout);
  std::_Exit(0);
}
