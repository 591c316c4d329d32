// load PORT COUNT RATE SIZE WINDOW: publishes COUNT events of SIZE bytes with QoS 1 on one connection, RATE a second (0: as fast as the
// broker acknowledges), at most WINDOW unacknowledged. Ends when all are acknowledged.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kTopics = 50;

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int Connect(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("load: connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string hello("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 14);
  if (::send(fd, hello.data(), hello.size(), 0) != 14) Die("load: CONNECT");
  char answer[4];
  if (::recv(fd, answer, sizeof answer, MSG_WAITALL) != 4 || answer[3] != 0) Die("load: CONNACK");
  return fd;
}

void AppendPublish(std::string& out, std::uint64_t number, std::size_t size) {
  const std::string topic = "plant/line-" + std::to_string(number % kTopics) + "/telemetry";
  std::string payload =
      "{\"n\":" + std::to_string(number) + ",\"temp\":" + std::to_string(20 + number % 60) + ".5,\"state\":\"RUN\",\"pad\":\"";
  payload.resize(std::max(size, payload.size() + 2) - 2, 'x');
  payload += "\"}";
  std::size_t length = 2 + topic.size() + 2 + payload.size();
  out += '\x32';
  for (; length >= 128; length /= 128) out += static_cast<char>(length % 128 | 128);
  out += static_cast<char>(length);
  out += static_cast<char>(topic.size() >> 8);
  out += static_cast<char>(topic.size());
  out += topic;
  const std::uint64_t id = number % 65535 + 1;
  out += static_cast<char>(id >> 8);
  out += static_cast<char>(id);
  out += payload;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const int fd = Connect(std::atoi(argv[1]));
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  const double rate = std::atof(argv[3]);
  const std::size_t size = std::strtoull(argv[4], nullptr, 10);
  const std::uint64_t window = std::strtoull(argv[5], nullptr, 10);
  const auto start = Clock::now();
  std::uint64_t sent = 0;
  std::uint64_t ack_bytes = 0;
  std::string out;
  while (ack_bytes / 4 < count) {
    std::uint64_t due = count;
    if (rate > 0) due = std::min(count, static_cast<std::uint64_t>(std::chrono::duration<double>(Clock::now() - start).count() * rate) + 1);
    out.clear();
    for (int burst = 0; burst < 64 && sent < due && sent - ack_bytes / 4 < window; ++burst) AppendPublish(out, sent++, size);
    for (std::size_t at = 0; at < out.size();) {
      const ssize_t n = ::send(fd, out.data() + at, out.size() - at, 0);
      if (n <= 0) Die("load: send");
      at += static_cast<std::size_t>(n);
    }
    pollfd ready{fd, POLLIN, 0};
    const bool idle = sent >= due || sent - ack_bytes / 4 >= window;
    if (::poll(&ready, 1, idle ? 1 : 0) > 0) {
      char buffer[65536];
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) Die("load: recv");
      ack_bytes += static_cast<std::uint64_t>(n);  // Nothing but PUBACKs of 4 bytes comes.
    }
  }
  ::close(fd);
}
