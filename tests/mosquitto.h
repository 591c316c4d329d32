// A Mosquitto of the test's own: a child process on a free port of 127.0.0.1, ended with its object.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/temp_dir.h"

namespace sluice {

class Mosquitto {
 public:
  /// `more`: lines for its configuration. Starts it; ends the program if that fails.
  explicit Mosquitto(const std::string& more = "");
  ~Mosquitto();
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  std::uint16_t port() const { return port_; }
  /// By SIGKILL.
  void Kill();
  /// On the same port.
  void Start();

 private:
  bool TryStart();
  bool Answers() const;

  const std::string more_;
  TempDir dir_;
  std::uint16_t port_ = 0;
  pid_t child_ = -1;
};

}  // namespace sluice
