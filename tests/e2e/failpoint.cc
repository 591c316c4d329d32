// The failpoints of sluice-failpoints: SLUICE_KILL_AT=<name>:<n>[:<us>] ends the process with SIGKILL at the n-th passing of that name, or
// so many microseconds after it, in the middle of what comes then.
#include "gateway/failpoint.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

namespace sluice {
namespace {

struct Armed {
  std::string name;
  int passing = 0;
  useconds_t delay = 0;
};

Armed ReadEnvironment() {
  const char* text = std::getenv("SLUICE_KILL_AT");
  if (text == nullptr) return {};
  Armed armed;
  std::istringstream words(text);
  char colon = 0;
  std::getline(words, armed.name, ':');
  words >> armed.passing >> colon >> armed.delay;
  return armed;
}

}  // namespace

void Failpoint(const char* name) {
  static const Armed armed = ReadEnvironment();
  static std::atomic<int> passings = 0;
  if (armed.name != name || ++passings != armed.passing) return;
  if (armed.delay == 0) std::raise(SIGKILL);
  std::thread([] {
    usleep(armed.delay);
    ::kill(::getpid(), SIGKILL);
  }).detach();
}

}  // namespace sluice
