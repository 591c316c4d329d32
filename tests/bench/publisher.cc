#include "tests/bench/publisher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void AppendText(std::string& out, std::string_view text) {
  out += static_cast<char>(text.size() >> 8);
  out += static_cast<char>(text.size());
  out += text;
}

}  // namespace

int ConnectPublisher(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("publisher: connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SendAll(fd, std::string_view("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 14));
  char answer[4];
  if (::recv(fd, answer, sizeof answer, MSG_WAITALL) != 4 || answer[3] != 0) Die("publisher: CONNACK");
  return fd;
}

void AppendPublish(std::string& out, std::string_view topic, std::uint16_t packet_id, std::string_view payload) {
  std::size_t length = 2 + topic.size() + 2 + payload.size();
  out += '\x32';
  for (; length >= 128; length /= 128) out += static_cast<char>(length % 128 | 128);
  out += static_cast<char>(length);
  AppendText(out, topic);
  out += static_cast<char>(packet_id >> 8);
  out += static_cast<char>(packet_id);
  out += payload;
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) Die("publisher: send");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::uint64_t ReceiveAcks(int fd, int milliseconds) {
  pollfd ready{fd, POLLIN, 0};
  if (::poll(&ready, 1, milliseconds) <= 0) return 0;
  char buffer[65536];
  const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
  if (n <= 0) Die("publisher: recv");
  return static_cast<std::uint64_t>(n);
}
