// The failpoints of sluice-failpoints: SLUICE_KILL_AT=<name>:<n> ends the process with SIGKILL at the n-th passing of that name.
#include "gateway/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

namespace sluice {
namespace {

struct Armed {
  std::string name;
  int passing = 0;
};

Armed ReadEnvironment() {
  const char* text = std::getenv("SLUICE_KILL_AT");
  if (text == nullptr) return {};
  const char* colon = std::strchr(text, ':');
  if (colon == nullptr) return {text, 1};
  return {std::string(text, colon), std::atoi(colon + 1)};
}

}  // namespace

void Failpoint(const char* name) {
  static const Armed armed = ReadEnvironment();
  static std::atomic<int> passings = 0;
  if (armed.name == name && ++passings == armed.passing) std::raise(SIGKILL);
}

}  // namespace sluice
