#include "tests/kinesis_outside.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace sluice {

KinesisPeer::KinesisPeer() {
  int to_peer[2];
  int from_peer[2];
  if (pipe(to_peer) != 0 || pipe(from_peer) != 0) std::abort();
  pid_ = fork();
  if (pid_ == 0) {
    dup2(to_peer[0], STDIN_FILENO);
    dup2(from_peer[1], STDOUT_FILENO);
    for (const int fd : {to_peer[0], to_peer[1], from_peer[0], from_peer[1]}) close(fd);
    execlp("python3", "python3", "-B", SLUICE_SOURCE_DIR "/tests/kinesis/kinesis_peer.py", nullptr);
    _exit(127);
  }
  close(to_peer[0]);
  close(from_peer[1]);
  out_ = fdopen(to_peer[1], "w");
  in_ = fdopen(from_peer[0], "r");
  port_ = std::atoi(ReadLine().c_str());
  if (port_ == 0) std::abort();
}

KinesisPeer::~KinesisPeer() {
  std::fclose(out_);
  std::fclose(in_);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

nlohmann::json KinesisPeer::Tell(const std::string& what, nlohmann::json arguments) const {
  arguments["do"] = what;
  std::fputs((arguments.dump() + "\n").c_str(), out_);
  std::fflush(out_);
  const std::string answer = ReadLine();
  REQUIRE_MESSAGE(!answer.empty(), "the peer has ended");
  return nlohmann::json::parse(answer);
}

std::string KinesisPeer::ReadLine() const {
  std::string line;
  for (int c = std::fgetc(in_); c != EOF && c != '\n'; c = std::fgetc(in_)) line += static_cast<char>(c);
  return line;
}

}  // namespace sluice
