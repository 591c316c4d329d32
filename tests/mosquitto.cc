#include "tests/mosquitto.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

constexpr int kTries = 10;
constexpr int kLooks = 1'000;
constexpr useconds_t kLookEvery = 10'000;  // Microseconds.

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// Free now; another process may take it before we do, which is why starting is tried again.
std::uint16_t FreePort() {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

[[noreturn]] void RunMosquitto(const std::string& config, const std::string& log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execlp("mosquitto", "mosquitto", "-c", config.c_str(), nullptr);
  ::execl("/usr/sbin/mosquitto", "mosquitto", "-c", config.c_str(), nullptr);  // Not in everybody's PATH.
  ::_exit(127);
}

}  // namespace

Mosquitto::Mosquitto(const std::string& more) : more_(more) {
  for (int i = 0; i < kTries; ++i) {
    port_ = FreePort();
    if (TryStart()) return;
  }
  std::fprintf(stderr, "mosquitto does not start\n");
  std::abort();
}

Mosquitto::~Mosquitto() {
  Kill();
}

void Mosquitto::Start() {
  if (TryStart()) return;
  std::fprintf(stderr, "mosquitto does not start again\n");
  std::abort();
}

bool Mosquitto::TryStart() {
  const std::string config = dir_.Write("mosquitto.conf", "listener " + std::to_string(port_) +
                                                              " 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
                                                              "max_inflight_messages 0\nuser root\n" +
                                                              more_);
  const std::string log = dir_.Path("mosquitto.log");
  child_ = ::fork();
  if (child_ == 0) RunMosquitto(config, log);
  for (int i = 0; i < kLooks; ++i) {
    if (::waitpid(child_, nullptr, WNOHANG) == child_) break;
    if (Answers()) return true;
    ::usleep(kLookEvery);
  }
  Kill();
  return false;
}

bool Mosquitto::Answers() const {
  const sockaddr_in address = Loopback(port_);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

void Mosquitto::Kill() {
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  child_ = -1;
}

}  // namespace sluice
